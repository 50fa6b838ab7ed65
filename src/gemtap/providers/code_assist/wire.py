"""Code Assist on the wire: `/v1internal:METHOD`."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.google.wire import CodeAssistApiWire
from gemtap.providers.wire import Route


class CodeAssistWire(CodeAssistApiWire):
    """Code Assist, which no other API shares a path with."""

    name = "code_assist"
    title = "Code Assist"
    upstream = "https://cloudcode-pa.googleapis.com"
    prefix = "code-assist"
    hosts = (re.compile(r"(?!daily-)(.+-)?cloudcode-pa(\.sandbox)?\.googleapis\.com"),)
    root_order = 20
    root_paths = "/v1internal..."

    def route_at_root(self, path: bytes) -> Route | None:
        """The same paths."""
        return self.route(path)


WIRE: Final = CodeAssistWire()
