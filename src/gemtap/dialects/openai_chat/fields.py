"""What is read out of a request or response in OpenAI's shapes: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import Final

from gemtap.conversation.preview import shorten
from gemtap.interaction import NO_TOKENS, Json, Preview, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

_CONTENTS: Final = frozenset({"messages", "prompt", "input"})

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


def read_tokens(usage: Json) -> Tokens:
    """`usage` as token counts."""
    fields = as_dict(usage)
    prompt, completion, total = (count(fields.get(f"{kind}_tokens")) for kind in ("prompt", "completion", "total"))
    reasoning = count(as_dict(fields.get("completion_tokens_details")).get("reasoning_tokens"))
    output = completion
    if completion is not None and prompt is not None and total is not None:
        if reasoning is None and total > prompt + completion:
            # Gemini behind OpenAI's shapes: thoughts are in the total, and nowhere else.
            reasoning = total - prompt - completion
        elif reasoning is not None and total < prompt + completion + reasoning:
            output = max(completion - reasoning, 0)  # as OpenAI counts: among the completion's tokens
    prompt_details = as_dict(fields.get("prompt_tokens_details"))
    return {
        **NO_TOKENS,
        "input": prompt,
        "cached": count(prompt_details.get("cached_tokens")),
        # OpenRouter's name, for models whose caches are written at a price of their own.
        "cache_write": count(prompt_details.get("cache_write_tokens")),
        "output": output,
        "reasoning": reasoning,
        "total": total,
    }


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
