"""Token counts by modality, in every spelling that Google's APIs have for them.

`promptTokensDetails` and its siblings of `usageMetadata`, `promptTokenDetails` of embeddings, and
`input_tokens_by_modality` of the Interactions API, whose modalities are in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count

_BY_NUMBER: Final = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
"""`Modality` by number: how `enum-encoding=int` sends it."""

_TEXTUAL: Final = frozenset({"TEXT", "MODALITY_UNSPECIFIED"})
_UNIT_BY_MODALITY: Final = {"AUDIO": "audio", "IMAGE": "image", "VIDEO": "video"}
"""Modalities that may have a price of their own. Documents are priced as text."""

_PROMPT: Final = ("promptTokensDetails", "promptTokenDetails", "input_tokens_by_modality")
_TOOL_USE: Final = ("toolUsePromptTokensDetails", "tool_use_tokens_by_modality")
_CACHE: Final = ("cacheTokensDetails", "cached_tokens_by_modality")
_ANSWER: Final = ("candidatesTokensDetails", "responseTokensDetails", "output_tokens_by_modality")

_UNITS: Final = (
    ((*_PROMPT, *_TOOL_USE), "input_{}_tokens"),
    (_CACHE, "cache_{}_read_tokens"),
    (_ANSWER, "output_{}_tokens"),
)
"""Where usage has tokens with prices of their own, and what genai-prices calls them."""


def by_modality(details: Json) -> Iterator[tuple[str, int]]:
    """Modality and tokens of each entry of such a list, the modality in capitals."""
    for each in as_list(details):
        fields = as_dict(each)
        tokens = count(fields.get("tokenCount", fields.get("token_count", fields.get("tokens"))))
        number = count(fields.get("modality"))
        if number is not None:
            modality: str | None = _BY_NUMBER[number] if number < len(_BY_NUMBER) else None
        else:
            modality = as_text(fields.get("modality"))
        yield (modality or "MODALITY_UNSPECIFIED").upper(), tokens or 0


def media_tokens(usage: Json) -> int | None:
    """Number of prompt tokens that are not text; None if they are not counted."""
    fields = as_dict(usage)
    counted = [
        tokens for name in _PROMPT for modality, tokens in by_modality(fields.get(name)) if modality not in _TEXTUAL
    ]
    return sum(counted) if counted else None


def priced_apart(usage: Json) -> dict[str, int]:
    """Tokens that have prices of their own, by the name that genai-prices has for them."""
    fields = as_dict(usage)
    found: dict[str, int] = {}
    for names, unit in _UNITS:
        for name in names:
            for modality, tokens in by_modality(fields.get(name)):
                if modality in _UNIT_BY_MODALITY:
                    key = unit.format(_UNIT_BY_MODALITY[modality])
                    found[key] = found.get(key, 0) + tokens
    return found
