"""What is read out of a request or response in OpenAI's shapes: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import Final

from gemtap.conversation.preview import shorten
from gemtap.interaction import NO_TOKENS, Json, Preview, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

_CONTENTS: Final = frozenset({"messages", "prompt", "input"})

_PROMPT: Final = ("prompt_tokens", "input_tokens")
_COMPLETION: Final = ("completion_tokens", "output_tokens")
_PROMPT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_COMPLETION_DETAILS: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")
"""What each operation calls them; sessions and transcriptions say `input_token_details`."""

_CACHED: Final = ("cached_tokens", "prompt_cache_hit_tokens")
"""Moonshot counts them beside the details, DeepSeek under a name of its own."""

_MEDIA: Final = ("audio", "image")

_NO_SETTINGS: Final = _CONTENTS | {
    *("instructions", "image", "model", "tools", "functions", "stream", "stream_options"),
    *("user", "metadata", "store", "safety_identifier", "prompt_cache_key"),
}
"""What is sent beside the settings: the content, the tools, how to answer, and whom it is for."""


def read_settings(request: Json) -> Json:
    """The generation settings of a request: `temperature`, `max_tokens`, ... None if it has none."""
    fields = as_dict(request)
    if _CONTENTS.isdisjoint(fields):
        return None
    return {name: value for name, value in fields.items() if name not in _NO_SETTINGS} or None


def find_usage(response: Json) -> Json:
    """The usage of a response: in its own place, else where streams of Groq and of Moonshot have it."""
    fields = as_dict(response)
    places = (fields, as_dict(fields.get("x_groq")), _first_choice(fields))
    return next((usage for place in places if (usage := place.get("usage")) is not None), None)


def read_tokens(usage: Json) -> Tokens:
    """`usage` as token counts: of chats, and of everything newer, which says `input_tokens` for `prompt_tokens`."""
    fields = as_dict(usage)
    prompt, completion, total = (_first_count(fields, names) for names in (_PROMPT, _COMPLETION, ("total_tokens",)))
    reasoning = count(_details(fields, _COMPLETION_DETAILS).get("reasoning_tokens"))
    output = completion
    if completion is not None:
        if reasoning is None and prompt is not None and total is not None and total > prompt + completion:
            # Gemini behind OpenAI's shapes: thoughts are in the total, and nowhere else.
            reasoning = total - prompt - completion
        elif reasoning is not None and (total is None or total < (prompt or 0) + completion + reasoning):
            # As OpenAI counts: among the completion's tokens. Gateways estimate them, and may name more than there are.
            reasoning = min(reasoning, completion)
            output = completion - reasoning
    prompt_details = _details(fields, _PROMPT_DETAILS)
    return {
        **NO_TOKENS,
        "input": prompt,
        "cached": _first_count({**fields, **prompt_details}, _CACHED),
        "cache_write": count(prompt_details.get("cache_write_tokens")),
        "output": output,
        "reasoning": reasoning,
        "total": total,
    }


def media_tokens(usage: Json) -> int | None:
    """Number of input tokens for images and sound; None if they are not counted apart."""
    details = _details(as_dict(usage), _PROMPT_DETAILS)
    counted = [number for name in _MEDIA if (number := count(details.get(f"{name}_tokens"))) is not None]
    return sum(counted) if counted else None


def priced_apart(usage: Json) -> dict[str, int]:
    """Tokens of images and sound, by the name that genai-prices has for them."""
    fields = as_dict(usage)
    read, written = _details(fields, _PROMPT_DETAILS), _details(fields, _COMPLETION_DETAILS)
    cached = as_dict(read.get("cached_tokens_details"))
    found: dict[str, int] = {}
    for details, unit in ((read, "input_{}_tokens"), (written, "output_{}_tokens"), (cached, "cache_{}_read_tokens")):
        for name in _MEDIA:
            number = count(details.get(f"{name}_tokens"))
            if number or (number is not None and details is cached):
                found[unit.format(name)] = number
    return found


def _first_count(fields: dict[str, Json], names: tuple[str, ...]) -> int | None:
    return next((number for name in names if (number := count(fields.get(name))) is not None), None)


def _details(fields: dict[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    return next((found for name in names if (found := as_dict(fields.get(name)))), {})


def read_finish_reason(response: Json) -> str | None:
    """Why the first choice ended."""
    return as_text(_first_choice(response).get("finish_reason"))


def read_preview(request: Json) -> Preview:
    """What lists show of operations that are no chats: their prompt or input."""
    fields = as_dict(request)
    return {"prompt": _texts(fields.get("prompt")) or _texts(fields.get("input")), "answer": None}


def _texts(content: Json) -> str | None:
    """A text, or the texts of a list."""
    parts = as_list(content) or [content]
    texts = (as_text(part) or as_text(as_dict(part).get("text")) for part in parts)
    return shorten(" ".join(filter(None, texts))) or None


def _first_choice(response: Json) -> dict[str, Json]:
    return as_dict(next(iter(as_list(as_dict(response).get("choices"))), None))
