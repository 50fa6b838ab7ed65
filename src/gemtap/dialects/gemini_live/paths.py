"""The operation of a session, from its path."""

from __future__ import annotations

from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.rest_paths import WORD


def live_operation(method: str) -> str:
    """`google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent` -> `bidiGenerateContent`."""
    name = method.rpartition(".")[2]
    return name[0].lower() + name[1:] if WORD.fullmatch(name) else UNKNOWN_OPERATION
