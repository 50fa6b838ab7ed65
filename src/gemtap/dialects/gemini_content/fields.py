"""Reads the fields of Gemini requests and responses, including accumulated ones."""

from __future__ import annotations

from typing import Final

from gemtap.interaction import NO_TOKENS, Error, Json, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

_FINISH_REASONS: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
)
"""`Candidate.FinishReason` of the v1beta API by number: how `enum-encoding=int` sends it."""

WITHHELD: Final = frozenset(
    {
        *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)
"""Finish reasons with which an answer, or the rest of it, is withheld."""

_BLOCK_REASONS: Final = (
    "BLOCK_REASON_UNSPECIFIED",
    "SAFETY",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "IMAGE_SAFETY",
)
"""`PromptFeedback.BlockReason`, likewise."""


def read_generation_settings(request: Json) -> Json:
    """`generationConfig` as it was sent, in either spelling that the API accepts; Imagen's `parameters`."""
    fields = as_dict(request)
    names = ("generationConfig", "generation_config", "parameters")
    return next((fields[name] for name in names if name in fields), None)


def read_finish_reason(response: Json) -> str | None:
    """Why the first candidate ended, by name."""
    candidates = as_list(as_dict(response).get("candidates"))
    return _named(as_dict(candidates[0]).get("finishReason"), _FINISH_REASONS) if candidates else None


def _named(value: Json, names: tuple[str, ...]) -> str | None:
    number = count(value)
    if number is None:
        return as_text(value)
    return names[number] if number < len(names) else str(number)


def read_tokens(usage: Json) -> Tokens:
    """`usageMetadata` as token counts."""
    fields = as_dict(usage)
    prompt = count(fields.get("promptTokenCount"))
    candidates = count(fields.get("candidatesTokenCount"))
    # The Live API calls its answer's tokens by the other name, and never has the thoughts among them.
    output = candidates if candidates is not None else count(fields.get("responseTokenCount"))
    reasoning = count(fields.get("thoughtsTokenCount"))
    tool_use = count(fields.get("toolUsePromptTokenCount"))
    total = count(fields.get("totalTokenCount"))
    if candidates is not None and reasoning and (prompt or 0) + candidates + (tool_use or 0) == total:
        # Some models count their thoughts among the candidates' tokens. The Live API never does.
        output = max(candidates - reasoning, 0)
    return {
        "input": prompt,
        "cached": count(fields.get("cachedContentTokenCount")),
        "cache_write": None,
        "output": output,
        "reasoning": reasoning,
        "tool_use": tool_use,
        "total": total,
    }


def read_created_cache_tokens(usage: Json) -> Tokens:
    """Tokens of `cachedContents.create`: all of them are written to the cache, and none are input of a model."""
    total = count(as_dict(usage).get("totalTokenCount"))
    return {**NO_TOKENS, "cache_write": total, "total": total}


def read_predicted_tokens(response: Json) -> Tokens:
    """Tokens of `:predict` with an embedding model of Vertex AI, which counts them for each text."""
    statistics = [
        as_dict(as_dict(as_dict(each).get("embeddings")).get("statistics"))
        for each in as_list(as_dict(response).get("predictions"))
    ]
    counted = [number for each in statistics if (number := _number(each)) is not None]
    total = sum(counted) if counted else None
    return {**NO_TOKENS, "input": total, "total": total}


def _number(statistics: dict[str, Json]) -> int | None:
    value = statistics.get("token_count", statistics.get("tokenCount"))
    # Protocol buffers' numbers of no particular type: 4.0.
    return count(int(value)) if isinstance(value, float) and value.is_integer() else count(value)


def read_blocked_prompt(response: Json) -> Error | None:
    """A prompt that was refused: `promptFeedback.blockReason`, and no candidates."""
    feedback = as_dict(response).get("promptFeedback")
    reason = _named(as_dict(feedback).get("blockReason"), _BLOCK_REASONS)
    if reason is None or as_list(as_dict(response).get("candidates")):
        return None
    return {"message": f"prompt blocked: {reason}", "details": feedback}


def all_finished(response: Json) -> bool:
    """Whether there is a candidate, and all have a finish reason."""
    candidates = as_list(as_dict(response).get("candidates"))
    return bool(candidates) and all(as_dict(each).get("finishReason") is not None for each in candidates)
