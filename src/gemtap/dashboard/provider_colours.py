"""The style sheet of the providers' colours."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from gemtap.providers.registry import PROVIDERS, derived, reader_of


@derived
def colours() -> dict[str, tuple[str, str]]:
    """CSS colours on light and dark backgrounds, by provider. Providers without a colour are missing."""
    readers = {name: reader_of(provider) for name, provider in PROVIDERS.items()}
    return {name: reader.colour for name, reader in readers.items() if reader is not None and reader.colour is not None}


def style_sheet() -> str:
    """A rule for the dot of each provider."""
    return "".join(
        f".dot.{name} {{ background: light-dark({light}, {dark}); }}\n" for name, (light, dark) in colours().items()
    )


def make_router() -> APIRouter:
    """The route of the style sheet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/providers.css")
    async def providers_css() -> Response:
        return Response(style_sheet(), media_type="text/css", headers={"cache-control": "no-cache"})

    return router
