"""Code Assist for the desk: the API of gemini-cli with a Google account and of Gemini Code Assist."""

from __future__ import annotations

from typing import Final

from gemtap.providers.code_assist.client_setup import CLIENTS
from gemtap.providers.google.code_assist import CodeAssistApiReader


class CodeAssistReader(CodeAssistApiReader):
    """Reads exchanges with Code Assist."""

    colour = ("#8456c9", "#b794f0")
    setup = CLIENTS


READER: Final = CodeAssistReader()
