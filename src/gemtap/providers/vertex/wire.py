"""Vertex AI on the wire: Gemini's paths in a project and a location."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.credential import Credential
from gemtap.providers.google.wire import ACCESS_TOKEN, GoogleWire
from gemtap.providers.wire import Route

_PATHS: Final = re.compile(rb"/+(?:v1|v1beta1|upload|download|ws)(?:/|$)")

# What no path of Gemini begins with. Vertex in express mode has no project: /v1beta1/publishers/...
_AT_ROOT: Final = re.compile(
    rb"/+(?:(?:upload/+|download/+)?(?:v1beta1(?:/|$)|v1/+(?:projects|publishers)/)|ws/+google\.cloud\.aiplatform\.)"
)

# Raw: what is escaped, or has any other character than these, is no location, and can never be part of a host.
_LOCATION: Final = re.compile(
    rb"/+(?:(?:upload|download)/+)?v1(?:beta1)?/+projects/+[^/]+/+locations/+([a-z0-9-]{1,40})(?=/|$|:[A-Za-z]+$)"
)

_PLACEHOLDER: Final = "{location}-"
_NO_LOCATION: Final = frozenset({None, "global"})
_MULTI_REGIONS: Final = frozenset({"us", "eu"})


class VertexWire(GoogleWire):
    """Vertex AI, recognised at the root by what only its paths have."""

    name = "vertex"
    title = "Vertex AI"
    upstream = "https://{location}-aiplatform.googleapis.com"
    prefix = "vertex"
    hosts = (re.compile(r"(.+-)?aiplatform(\.[a-z]+\.rep)?\.googleapis\.com"),)
    root_order = 10
    hosts_of_one_owner = True
    root_paths = "/v1/projects/..., /v1/publishers/..., /v1beta1/..."

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are, to the location that they name."""
        if not _PATHS.match(path):
            return None
        location = _LOCATION.match(path)
        return Route(self.name, path, location=location[1].decode("ascii") if location else None)

    def route_at_root(self, path: bytes) -> Route | None:
        """A path that cannot be one of the Gemini API's."""
        return self.route(path) if _AT_ROOT.match(path) else None

    def origin(self, route: Route, configured: str) -> str:
        """The upstream of the route's location.

        `https://{location}-aiplatform.googleapis.com` becomes, as Google's own SDKs have it,
        `https://europe-west4-aiplatform.googleapis.com`; without a location, or with `global`,
        `https://aiplatform.googleapis.com`; with `us` or `eu` `https://aiplatform.eu.rep.googleapis.com`.
        An upstream without that placeholder is the same for every location.
        """
        if _PLACEHOLDER not in configured:
            return configured
        if route.location in _NO_LOCATION:
            return configured.replace(_PLACEHOLDER, "")
        if route.location in _MULTI_REGIONS:
            service, dot, domain = configured.replace(_PLACEHOLDER, "").partition(".")
            return f"{service}.{route.location}.rep{dot}{domain}"
        return configured.replace(_PLACEHOLDER, f"{route.location}-")

    def credential(self, path: bytes) -> Credential:
        """An access token of Google Cloud."""
        return ACCESS_TOKEN


WIRE: Final = VertexWire()
