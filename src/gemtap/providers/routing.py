"""Which provider a path belongs to. The only part of the providers that the tap uses: bytes, no parsing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    provider: str
    path: bytes
    """The raw path for the upstream."""
    prefix: bytes = b""
    """What the client's path had before it, such as `/gemini`."""


# JavaScript's Live client with a base URL that ends in a slash sends //ws/..., and so to Google: it goes on as it is.
_GEMINI: Final = re.compile(rb"/+(?:v1|v1beta|v1alpha|upload|download|ws)(?:/|$)")

# LiteLLM and aider call a base URL without a version bare.
_GEMINI_BARE: Final = re.compile(rb"/+models/")


def _gemini(path: bytes) -> Route | None:
    if _GEMINI.match(path):
        return Route("gemini", path)
    if _GEMINI_BARE.match(path):
        return Route("gemini", b"/v1beta/" + path.lstrip(b"/"))
    return None


_PREFIXES: Final[dict[bytes, Callable[[bytes], Route | None]]] = {b"/gemini": _gemini}

KNOWN: Final = (
    "/v1/..., /v1beta/..., /v1alpha/..., /upload/..., /download/..., /ws/..., /models/..., each also under /gemini"
)
"""What `match` knows, for people."""


def match(path: bytes) -> Route | None:
    """The route of a raw path as a client sent it, or None where no provider knows it."""
    prefix, slash, _ = path[1:].partition(b"/")
    by_prefix = _PREFIXES.get(b"/" + prefix)
    if by_prefix is not None and slash:
        route = by_prefix(path[len(prefix) + 1 :])
        return replace(route, prefix=b"/" + prefix) if route is not None else None
    return _gemini(path)
