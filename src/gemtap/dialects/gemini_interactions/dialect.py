"""Gemini's Interactions API, `/v1beta/interactions`: https://ai.google.dev/api/interactions-api.

Its requests and answers have shapes of their own: `input` for `contents`, `steps` for candidates, `usage` for
`usageMetadata`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.gemini_content.fields import read_generation_settings
from gemtap.dialects.gemini_content.modalities import media_tokens, priced_apart
from gemtap.dialects.gemini_interactions import CUT_POINTS, conversation
from gemtap.dialects.gemini_interactions.accumulate import accumulate
from gemtap.dialects.stream_chunks import Chunk, find_error, is_event_stream, read_chunks
from gemtap.interaction import NO_PREVIEW, Json, Tokens
from gemtap.json_access import as_dict, as_text, count

_CREATE: Final = "interactions.create"
"""The operation that creates interactions; others retrieve them."""

INTERACTIONS: Final = frozenset(
    {_CREATE, *(f"interactions.{verb}" for verb in ("get", "cancel", "delete", "list")), "decisions.create"}
)
"""The operations whose answers are interactions or like them; not `interactions.auth_tokens.create`."""

_LOOK_UPS: Final = frozenset({"interactions.get", "interactions.cancel"})

_UNDER_WAY: Final = frozenset({"queued", "in_progress", "idle"})

_LAST_EVENTS: Final = frozenset({"interaction.completed", "interaction.cancelled"})


def _read(exchange: RawExchange, operation: str) -> Parsed:
    streamed = is_event_stream(exchange)
    chunks = read_chunks(exchange.response_raw) if streamed else []
    interaction = accumulate([chunk.value for chunk in chunks]) if streamed else as_dict(exchange.response_json)
    error = find_error(chunks, whole=exchange.response_whole) if streamed else read_error(exchange.response_json)
    status = as_text(interaction.get("status"))
    if streamed and error is None and exchange.response_whole and not _is_completed(chunks, status):
        error = {"message": "the stream ended without interaction.completed", "details": None}
    request = as_dict(exchange.request_json)
    return Parsed(
        operation=operation,
        model=model_name(request),
        model_version=as_text(interaction.get("model")),
        streaming=streamed,
        generation_settings=read_generation_settings(request),
        usage_metadata=interaction.get("usage"),
        tokens=read_tokens(interaction.get("usage")),
        finish_reason=None if status in _UNDER_WAY else status,
        error=error,
        accumulated=(interaction or None) if streamed else None,
        first_token_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        reasoning_streamed=any(_delta(chunk.value).get("type") == "thought_summary" for chunk in chunks),
        preview=NO_PREVIEW.copy() if operation == _CREATE else preview_of(conversation.read(request, interaction)),
    )


def _is_completed(chunks: list[Chunk], status: str | None) -> bool:
    """Whether the stream came to its end. One that hands over a continuation token may end with its status."""
    return status == "requires_continuation" or any(
        as_dict(chunk.value).get("event_type") in _LAST_EVENTS for chunk in chunks
    )


def _delta(event: Json) -> dict[str, Json]:
    return as_dict(as_dict(event).get("delta"))


def has_content(event: Json) -> bool:
    """Whether the event brings something of the answer. A signature alone is none."""
    return any(
        value not in ("", None) for name, value in _delta(event).items() if name not in ("type", "signature", "id")
    )


def read_tokens(usage: Json) -> Tokens:
    """`usage` as token counts."""
    fields = as_dict(usage)
    return {
        "input": count(fields.get("total_input_tokens")),
        "cached": count(fields.get("total_cached_tokens")),
        "cache_write": None,
        "output": count(fields.get("total_output_tokens")),
        "reasoning": count(fields.get("total_thought_tokens")),
        "tool_use": count(fields.get("total_tool_use_tokens")),
        "total": count(fields.get("total_tokens")),
    }


class GeminiInteractions:
    """The Interactions API."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"completed", "requires_action", "requires_continuation"})
    withheld_endings = frozenset({"blocked"})
    truncated_endings = frozenset({"incomplete"})
    settings_at: Sequence[tuple[str, ...]] = ((), ("generation_config",))

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange. Its path names no model; its request does."""
        return _read(exchange, operation)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said, where an interaction is created or its end is looked up."""
        if operation == _CREATE:
            return conversation.read(request, response)
        return conversation.read_outcome(response) if operation in _LOOK_UPS else None

    def media_tokens(self, usage: Json) -> int | None:
        """By `input_tokens_by_modality`."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of audio, images and video."""
        return priced_apart(usage)


GEMINI_INTERACTIONS: Final = GeminiInteractions()
