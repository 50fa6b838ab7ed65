"""What is read out of a request or response in OpenAI's shapes: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.previews import call_form, shorten
from gemtap.interaction import NO_TOKENS, Json, Preview, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count, read_json

_CONTENTS: Final = frozenset({"messages", "prompt", "input"})

_NO_SETTINGS: Final = _CONTENTS | {
    *("instructions", "image", "model", "tools", "functions", "stream", "stream_options"),
    *("user", "metadata", "store", "safety_identifier", "prompt_cache_key"),
}
"""What is sent beside the settings: the content, the tools, how to answer, and whom it is for."""


def read_settings(request: Json) -> Json:
    """What of the request says how to generate: `temperature`, `max_tokens`, ... None where nothing does."""
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
    cached = count(as_dict(fields.get("prompt_tokens_details")).get("cached_tokens"))
    return {
        **NO_TOKENS,
        "input": prompt,
        "cached": cached,
        "output": output,
        "reasoning": reasoning,
        "total": total,
    }


def read_finish_reason(response: Json) -> str | None:
    """Why the first choice ended."""
    return as_text(_first_choice(response).get("finish_reason"))


def read_preview(request: Json, response: Json) -> Preview:
    """What was asked last and how the answer begins; each half None where there is nothing to show."""
    return {"prompt": _prompt(as_dict(request)), "answer": _answer(response)}


def _first_choice(response: Json) -> dict[str, Json]:
    return as_dict(next(iter(as_list(as_dict(response).get("choices"))), None))


def _prompt(request: dict[str, Json]) -> str | None:
    """The last message that is not the model's and says something; of other operations the prompt or input."""
    for message in reversed(as_list(request.get("messages"))):
        fields = as_dict(message)
        if fields.get("role") == "assistant":
            continue
        if fields.get("role") in ("tool", "function"):
            return f"⟵ {as_text(fields.get('name')) or 'result'}"
        shown = _content(fields.get("content"))
        if shown:
            return shown
    return _content(request.get("prompt")) or _content(request.get("input"))


def _content(content: Json) -> str | None:
    """A text, or the texts of a list of parts; else its media, as `[image_url]`."""
    parts = as_list(content) or [content]
    texts = [text for part in parts if (text := as_text(part) or as_text(as_dict(part).get("text")))]
    kinds = (as_text(as_dict(part).get("type")) for part in parts)
    return shorten(" ".join(texts)) or ", ".join(f"[{shorten(kind, 30)}]" for kind in kinds if kind) or None


def _answer(response: Json) -> str | None:
    """The first line of the first choice's message; else its calls."""
    message = as_dict(_first_choice(response).get("message"))
    text = (as_text(message.get("content")) or as_text(message.get("refusal")) or "").lstrip()
    if text:
        return shorten(text.split("\n", 1)[0])
    calls = [as_dict(as_dict(call).get("function")) for call in as_list(message.get("tool_calls"))]
    return shorten(", ".join(call_form(call.get("name"), _arguments(call)) for call in calls)) or None


def _arguments(call: dict[str, Json]) -> Json:
    return read_json((as_text(call.get("arguments")) or "").encode("utf-8", "replace"))
