"""Which provider a path belongs to, and where it goes. The only part of the providers that the tap uses: no parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    location: str | None = None
    """The place of Google's cloud that the path names, such as `europe-west4`."""


# JavaScript's Live client with a base URL that ends in a slash sends //ws/..., and so to Google: it goes on as it is.
_GEMINI: Final = re.compile(rb"/+(?:v1|v1beta|v1alpha|upload|download|ws)(?:/|$)")

# LiteLLM and aider call a base URL without a version bare.
_GEMINI_BARE: Final = re.compile(rb"/+models/")

_VERTEX: Final = re.compile(rb"/+(?:v1|v1beta1|upload|download|ws)(?:/|$)")

# What no path of Gemini begins with. Vertex in express mode has no project: /v1beta1/publishers/...
_ONLY_VERTEX: Final = re.compile(
    rb"/+(?:(?:upload/+|download/+)?(?:v1beta1(?:/|$)|v1/+(?:projects|publishers)/)|ws/+google\.cloud\.aiplatform\.)"
)

_CODE_ASSIST: Final = re.compile(rb"/+v1internal(?:[:/]|$)")

# Raw: what is escaped, or has any other character than these, is no location, and can never be part of a host.
_LOCATION: Final = re.compile(
    rb"/+(?:(?:upload|download)/+)?v1(?:beta1)?/+projects/+[^/]+/+locations/+([a-z0-9-]{1,40})(?=/|$|:[A-Za-z]+$)"
)

_PREFIX: Final = re.compile(rb"/+(gemini|vertex|code-assist)(?=/)")

KNOWN: Final = (
    "/v1/..., /v1beta/..., /v1alpha/..., /upload/..., /download/..., /ws/..., /models/... "
    "(Gemini, also under /gemini); "
    "/v1/projects/..., /v1/publishers/..., /v1beta1/... (Vertex AI, also under /vertex); "
    "/v1internal... (Code Assist, also under /code-assist)"
)
"""What `match` knows, for people."""


def match(path: bytes) -> Route | None:
    """The route of a raw path as a client sent it, or None where no provider knows it."""
    prefix = _PREFIX.match(path)
    if prefix is None:
        return _code_assist(path) or _only_vertex(path) or _gemini(path)
    provide = {b"gemini": _gemini, b"vertex": _vertex, b"code-assist": _code_assist}[prefix[1]]
    route = provide(path[prefix.end() :])
    return replace(route, prefix=b"/" + prefix[1]) if route is not None else None


def _gemini(path: bytes) -> Route | None:
    if _GEMINI.match(path):
        return Route("gemini", path)
    if _GEMINI_BARE.match(path):
        return Route("gemini", b"/v1beta/" + path.lstrip(b"/"))
    return None


def _only_vertex(path: bytes) -> Route | None:
    return _vertex(path) if _ONLY_VERTEX.match(path) else None


def _vertex(path: bytes) -> Route | None:
    if not _VERTEX.match(path):
        return None
    location = _LOCATION.match(path)
    return Route("vertex", path, location=location[1].decode("ascii") if location else None)


def _code_assist(path: bytes) -> Route | None:
    return Route("code_assist", path) if _CODE_ASSIST.match(path) else None


_PLACEHOLDER: Final = "{location}-"
_NO_PLACE: Final = frozenset({None, "global"})
_MULTI_REGIONS: Final = frozenset({"us", "eu"})


def origin_of(route: Route | None, origins: Mapping[str, str]) -> str | None:
    """The upstream of a route by those of the providers; None where there is none.

    `https://{location}-aiplatform.googleapis.com` becomes, as Google's own SDKs have it,
    `https://europe-west4-aiplatform.googleapis.com`; without a location, or with `global`,
    `https://aiplatform.googleapis.com`; with `us` or `eu` `https://aiplatform.eu.rep.googleapis.com`.
    An upstream without that placeholder is the same for every location.
    """
    upstream = origins.get(route.provider) if route is not None else None
    if route is None or upstream is None or _PLACEHOLDER not in upstream:
        return upstream
    if route.location in _NO_PLACE:
        return upstream.replace(_PLACEHOLDER, "")
    if route.location in _MULTI_REGIONS:
        service, dot, domain = upstream.replace(_PLACEHOLDER, "").partition(".")
        return f"{service}.{route.location}.rep{dot}{domain}"
    return upstream.replace(_PLACEHOLDER, f"{route.location}-")
