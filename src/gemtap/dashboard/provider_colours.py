"""The style sheet of the providers' colours."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter
from fastapi.responses import Response

from gemtap.providers.registry import PROVIDERS


def coloured() -> list[str]:
    """Names of the providers that have a colour."""
    return [name for name, provider in PROVIDERS.items() if provider.reader.colour is not None]


@cache
def style_sheet() -> str:
    """A rule for the dot of each provider."""
    rules = []
    for name, provider in PROVIDERS.items():
        if provider.reader.colour is not None:
            light, dark = provider.reader.colour
            rules.append(f".dot.{name} {{ background: light-dark({light}, {dark}); }}\n")
    return "".join(rules)


def make_router() -> APIRouter:
    """The route of the style sheet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/providers.css")
    async def providers_css() -> Response:
        return Response(style_sheet(), media_type="text/css", headers={"cache-control": "no-cache"})

    return router
