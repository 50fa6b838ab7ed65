"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.openai_chat.fields import media_tokens, priced_apart, read_settings, read_tokens
from gemtap.dialects.openai_responses import CUT_POINTS, conversation
from gemtap.dialects.openai_responses.accumulate import ENDS, accumulate, has_content, has_thoughts
from gemtap.dialects.stream_chunks import find_error, is_event_stream, read_chunks
from gemtap.interaction import NO_PREVIEW, Error, Json
from gemtap.json_access import as_dict, as_text

_CREATE: Final = "openai.responses"
_LOOK_UPS: Final = frozenset({"openai.responses.get", "openai.responses.cancel"})
_PROMPTS: Final = frozenset({"openai.responses.compact", "openai.responses.input_tokens"})

RESPONSES: Final = _LOOK_UPS | _PROMPTS | {_CREATE}
"""The operations that this dialect reads."""

_UNDER_WAY: Final = frozenset({"queued", "in_progress"})


def _read(exchange: RawExchange, operation: str) -> Parsed:
    streamed = is_event_stream(exchange)
    chunks = read_chunks(exchange.response_raw) if streamed else []
    values = [chunk.value for chunk in chunks]
    response = accumulate(values) if streamed else as_dict(exchange.response_json)
    error = read_error(response)
    if streamed:
        error = find_error(chunks, whole=exchange.response_whole) or error_event(values) or error
        if error is None and exchange.response_whole and not any(map(_is_end, values)):
            error = {"message": "the stream ended without response.completed", "details": None}
    usage = response.get("usage")
    return Parsed(
        operation=operation,
        model=model_name(exchange.request_json),
        model_version=as_text(response.get("model")),
        streaming=streamed,
        generation_settings=read_settings(exchange.request_json),
        usage_metadata=usage,
        tokens=read_tokens(usage),
        finish_reason=finish_reason(response),
        error=error,
        accumulated=(response or None) if streamed else None,
        first_token_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        reasoning_streamed=any(map(has_thoughts, values)),
        preview=NO_PREVIEW.copy()
        if operation == _CREATE
        else preview_of(conversation.read(exchange.request_json, response)),
    )


def _is_end(event: Json) -> bool:
    return as_dict(event).get("type") in ENDS


def error_event(events: list[Json]) -> Error | None:
    """The error of an event `error`, which has its message beside its type."""
    for event in events:
        fields = as_dict(event)
        if fields.get("type") == "error":
            message = as_text(fields.get("message")) or as_text(fields.get("code")) or "error"
            return {"message": message, "details": fields}
    return None


def finish_reason(response: dict[str, Json]) -> str | None:
    """The status of a response that has ended; of an incomplete one the reason for that."""
    status = as_text(response.get("status"))
    reason = as_text(as_dict(response.get("incomplete_details")).get("reason"))
    return None if status in _UNDER_WAY else reason or status


class OpenAIResponses:
    """Responses, created and looked up."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"completed"})
    withheld_endings = frozenset({"content_filter"})
    truncated_endings = frozenset({"max_output_tokens", "incomplete"})
    settings_at: Sequence[tuple[str, ...]] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange. Its path names no model; its request does."""
        return _read(exchange, operation)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said, where a response is created, looked up or counted."""
        if operation == _CREATE:
            return conversation.read(request, response)
        if operation in _LOOK_UPS:
            return conversation.read_outcome(response)
        return conversation.read(request, None) if operation in _PROMPTS else None

    def media_tokens(self, usage: Json) -> int | None:
        """By the details of the input."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of images and sound."""
        return priced_apart(usage)


OPENAI_RESPONSES: Final = OpenAIResponses()
