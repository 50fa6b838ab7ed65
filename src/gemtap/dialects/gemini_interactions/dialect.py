"""Gemini's Interactions API, `/v1beta/interactions`: https://ai.google.dev/api/interactions-api.

Its requests and answers have shapes of their own: `input` for `contents`, `steps` for candidates, `usage` for
`usageMetadata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.gemini_content.fields import read_generation_settings
from gemtap.dialects.gemini_interactions import CUT_POINTS, conversation
from gemtap.dialects.gemini_interactions.accumulate import accumulate
from gemtap.dialects.previews import call_form, shorten
from gemtap.dialects.stream_chunks import Chunk, find_error, is_event_stream, read_chunks
from gemtap.interaction import Json, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

_UNDER_WAY: Final = frozenset({"queued", "in_progress"})


def _read(exchange: RawExchange, operation: str) -> Parsed:
    streamed = is_event_stream(exchange)
    chunks = read_chunks(exchange.response_raw) if streamed else []
    interaction = accumulate([chunk.value for chunk in chunks]) if streamed else as_dict(exchange.response_json)
    error = find_error(chunks, whole=exchange.response_whole) if streamed else read_error(exchange.response_json)
    if streamed and error is None and exchange.response_whole and not _is_completed(chunks):
        error = {"message": "the stream ended without interaction.completed", "details": None}
    status = as_text(interaction.get("status"))
    request = as_dict(exchange.request_json)
    return Parsed(
        operation=operation,
        model=model_name(exchange.request_json),
        model_version=as_text(interaction.get("model")),
        streaming=streamed,
        generation_settings=read_generation_settings(request),
        usage_metadata=interaction.get("usage"),
        tokens=_tokens(interaction.get("usage")),
        finish_reason=None if status in _UNDER_WAY else status,
        error=error,
        accumulated=(interaction or None) if streamed else None,
        first_token_end=next((chunk.end for chunk in chunks if _has_content(chunk.value)), None),
        reasoning_streamed=any(_delta(chunk.value).get("type") == "thought_summary" for chunk in chunks),
        preview={"prompt": _prompt(request.get("input")), "answer": _answer(interaction)},
    )


def _is_completed(chunks: list[Chunk]) -> bool:
    return any(as_dict(chunk.value).get("event_type") == "interaction.completed" for chunk in chunks)


def _delta(event: Json) -> dict[str, Json]:
    return as_dict(as_dict(event).get("delta"))


def _has_content(event: Json) -> bool:
    """Whether the event brings something of the answer. A signature alone is none."""
    return any(
        value not in ("", None) for name, value in _delta(event).items() if name not in ("type", "signature", "id")
    )


def _tokens(usage: Json) -> Tokens:
    fields = as_dict(usage)
    return {
        "input": count(fields.get("total_input_tokens")),
        "cached": count(fields.get("total_cached_tokens")),
        "output": count(fields.get("total_output_tokens")),
        "reasoning": count(fields.get("total_thought_tokens")),
        "tool_use": count(fields.get("total_tool_use_tokens")),
        "total": count(fields.get("total_tokens")),
    }


_THE_MODELS: Final = ("model_output", "thought", "function_call")


def _prompt(asked: Json) -> str | None:
    """The last message of the input that says something and is not the model's."""
    entries = [
        each
        for each in (asked if isinstance(asked, list) else [asked])
        if as_dict(each).get("type") not in _THE_MODELS and as_dict(each).get("role") != "model"
    ]
    # Contents make up one message together; steps, which have contents of their own, are a message each.
    are_steps = any("content" in as_dict(each) for each in entries)
    messages = [as_dict(each).get("content", [each]) for each in entries] if are_steps else [entries]
    return next((shown for message in reversed(messages) if (shown := _message(message))), None)


def _message(message: Json) -> str | None:
    contents = message if isinstance(message, list) else [message]
    texts = [text for each in contents if (text := as_text(each) or as_text(as_dict(each).get("text")))]
    return shorten(" ".join(texts)) or shorten(", ".join(filter(None, map(_short_form, contents)))) or None


def _short_form(content: Json) -> str | None:
    """What stands for a content that is no text: `⟵ tool` for a tool's result, `[image/png]` for media."""
    fields = as_dict(content)
    if fields.get("type") == "function_result":
        return f"⟵ {as_text(fields.get('name')) or 'result'}"
    media = as_text(fields.get("mime_type"))
    return f"[{media}]" if media else None


def _answer(interaction: dict[str, Json]) -> str | None:
    """The first line of the answer; else its function calls."""
    text = "".join(_texts(interaction)).lstrip()
    if text:
        return shorten(text.split("\n", 1)[0])
    calls = [each for each in as_list(interaction.get("steps")) if as_dict(each).get("type") == "function_call"]
    return shorten(", ".join(call_form(each.get("name"), each.get("arguments")) for each in calls)) or None


def _texts(interaction: dict[str, Json]) -> Iterator[str]:
    for step in as_list(interaction.get("steps")):
        if as_dict(step).get("type") == "model_output":
            for content in as_list(step.get("content")):
                yield as_text(as_dict(content).get("text")) or ""


class GeminiInteractions:
    """The Interactions API."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"completed", "requires_action"})

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange. Its path names no model; its request does."""
        return _read(exchange, operation)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said, where an interaction is created."""
        return conversation.read(request, response) if operation == "interactions.create" else None

    def media_tokens(self, usage: Json) -> int | None:
        """Not counted apart."""
        return None

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """None are."""
        return {}


GEMINI_INTERACTIONS: Final = GeminiInteractions()
