"""Exchanges in the shapes of Anthropic's Messages API, at whatever path and with whatever model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.conversation.preview import shorten
from gemtap.dialects.anthropic_messages import CUT_POINTS, conversation
from gemtap.dialects.anthropic_messages.accumulate import (
    accumulate,
    accumulate_completion,
    has_content,
    has_thoughts,
)
from gemtap.dialects.anthropic_messages.batches import RESULTS, read_results
from gemtap.dialects.anthropic_messages.fields import priced_apart, read_settings, read_tokens
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.batch_results import Result
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.stream_chunks import find_error, is_event_stream, read_chunks
from gemtap.interaction import NO_PREVIEW, Error, Json, Preview
from gemtap.json_access import as_dict, as_list, as_text

MESSAGES: Final = frozenset({"messages.create", "anthropic.rawPredict", "anthropic.streamRawPredict"})
"""Operations that answer with a message, the only ones whose streams are accumulated but for completions."""

COMPLETION: Final = "complete"
"""The legacy text completions."""


def _read(exchange: RawExchange, operation: str, model: str | None) -> Parsed:
    if operation == RESULTS and exchange.status is not None and exchange.status < 300:
        return Parsed.of_results(operation, read_results(exchange.response_raw))
    streamed = is_event_stream(exchange)
    chunks = read_chunks(exchange.response_raw) if streamed else []
    response: Json = exchange.response_json
    error = read_error(response)
    if streamed:
        events = [chunk.value for chunk in chunks]
        response = _accumulated(operation, events)
        error = find_error(chunks, whole=exchange.response_whole)
        if response is not None and error is None:
            error = _unfinished(exchange, response)
    usage = as_dict(response).get("usage")
    has_message = operation in MESSAGES or operation == COMPLETION
    return Parsed(
        operation=operation,
        model=model or model_name(exchange.request_json),
        model_version=as_text(as_dict(response).get("model")) if has_message else None,
        streaming=streamed,
        generation_settings=read_settings(exchange.request_json) if has_message else None,
        usage_metadata=usage,
        tokens=read_tokens(usage),
        finish_reason=as_text(as_dict(response).get("stop_reason")) if has_message else None,
        error=error,
        accumulated=(response or None) if streamed else None,
        first_token_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        reasoning_streamed=any(has_thoughts(chunk.value) for chunk in chunks),
        preview=NO_PREVIEW.copy() if has_message else _preview(exchange.request_json),
    )


def _accumulated(operation: str, events: list[Json]) -> dict[str, Json] | None:
    if operation == COMPLETION:
        return accumulate_completion(events)
    return accumulate(events) if operation in MESSAGES else None


def _unfinished(exchange: RawExchange, response: Json) -> Error | None:
    if as_dict(response).get("stop_reason") is not None or not exchange.response_whole:
        return None
    return {"message": "the stream ended without a stop_reason", "details": None}


def _preview(request: Json) -> Preview:
    """What lists show of a batch: the last message of its first request, and how many more there are."""
    requests = as_list(as_dict(request).get("requests"))
    if not requests:
        return NO_PREVIEW.copy()
    said = conversation.read(as_dict(requests[0]).get("params"), None).prompt
    texts = [part.text for part in said[-1].parts if hasattr(part, "text")] if said else []
    others = f" (and {len(requests) - 1} more)" if len(requests) > 1 else ""
    return {"prompt": shorten(" ".join(texts) + others) or None, "answer": None}


class AnthropicMessages:
    """Messages, and the fields that other operations share with them."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"end_turn", "tool_use", "stop_sequence", "pause_turn", "compaction"})
    withheld_endings = frozenset({"refusal"})
    truncated_endings = frozenset({"max_tokens", "model_context_window_exceeded"})
    settings_at: Sequence[tuple[str, ...]] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        return _read(exchange, operation, model)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said, if a message was asked for."""
        if operation == COMPLETION:
            return conversation.read_completion(request, response)
        return conversation.read(request, response) if operation in MESSAGES else None

    def media_tokens(self, usage: Json) -> int | None:
        """Not counted apart."""
        return None

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """What is written to a cache for an hour."""
        return priced_apart(usage)

    def results(self, operation: str, response: Json | bytes) -> Iterable[Result] | None:
        """The messages of a batch."""
        return read_results(response) if operation == RESULTS else None


ANTHROPIC_MESSAGES: Final = AnthropicMessages()
