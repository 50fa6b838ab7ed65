"""Antigravity on the wire: the paths of Code Assist, under a prefix, since nothing else tells the two apart."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.google.wire import CODE_ASSIST_PATHS, GoogleWire
from gemtap.providers.wire import Route


class AntigravityWire(GoogleWire):
    """The API that Antigravity, and its command `agy`, use for individual Google accounts."""

    name = "antigravity"
    title = "Antigravity"
    upstream = "https://daily-cloudcode-pa.googleapis.com"
    prefix = "antigravity"
    hosts = (re.compile(r"daily-cloudcode-pa(\.sandbox)?\.googleapis\.com"),)

    def route(self, path: bytes) -> Route | None:
        """Its paths go on as they are."""
        return Route(self.name, path) if CODE_ASSIST_PATHS.match(path) else None


WIRE: Final = AntigravityWire()
