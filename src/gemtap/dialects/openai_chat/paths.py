"""OpenAI's paths: operation and model."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.base import UNKNOWN_OPERATION
from gemtap.dialects.rest_paths import ON_COLLECTION, ON_ITEM, WORD

_RESOURCES: Final = frozenset({"models", "files", "batches"})


def openai_operation(method: str, segments: list[str]) -> tuple[str, str | None]:
    """OpenAI's paths: `chat/completions` -> `openai.chat.completions`, `models/M` -> `openai.models.get`."""
    if not segments:
        return UNKNOWN_OPERATION, None
    if segments[0] not in _RESOURCES:
        known = method == "POST" and len(segments) <= 3 and all(map(WORD.fullmatch, segments))
        return (".".join(["openai", *segments]) if known else UNKNOWN_OPERATION), None
    verb = (ON_ITEM if len(segments) > 1 else ON_COLLECTION).get(method)
    model = "/".join(segments[1:]).removeprefix("models/") if segments[0] == "models" else ""
    return (f"openai.{segments[0]}.{verb}" if verb else UNKNOWN_OPERATION), model or None
