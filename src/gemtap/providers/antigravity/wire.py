"""Antigravity on the wire: the paths of Code Assist, under a prefix, since nothing else tells the two apart."""

from __future__ import annotations

import re
from typing import Final

from gemtap.providers.google.wire import CodeAssistApiWire


class AntigravityWire(CodeAssistApiWire):
    """The API that Antigravity, and its command `agy`, use for individual Google accounts."""

    name = "antigravity"
    title = "Antigravity"
    upstream = "https://daily-cloudcode-pa.googleapis.com"
    prefix = "antigravity"
    hosts = (re.compile(r"daily-cloudcode-pa(\.sandbox)?\.googleapis\.com"),)


WIRE: Final = AntigravityWire()
