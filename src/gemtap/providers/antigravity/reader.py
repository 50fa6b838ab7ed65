"""Antigravity for the desk: its requests and responses are Code Assist's."""

from __future__ import annotations

from typing import Final

from gemtap.providers.antigravity.client_setup import CLIENTS
from gemtap.providers.google.code_assist import CodeAssistApiReader


class AntigravityReader(CodeAssistApiReader):
    """Reads exchanges with Antigravity's API, out of their envelope."""

    colour = ("#b3487f", "#ee9cc4")
    setup = CLIENTS


READER: Final = AntigravityReader()
