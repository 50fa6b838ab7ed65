"""Exchanges in OpenAI's shapes, at whatever path and with whatever model: chat completions, embeddings, the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.batch_results import Result
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.openai_chat import CUT_POINTS, conversation, media_events
from gemtap.dialects.openai_chat.accumulate import accumulate, all_finished, has_content, has_thoughts
from gemtap.dialects.openai_chat.batches import RESULTS, has_results, read_results
from gemtap.dialects.openai_chat.fields import (
    find_usage,
    media_tokens,
    priced_apart,
    read_finish_reason,
    read_preview,
    read_settings,
    read_tokens,
)
from gemtap.dialects.stream_chunks import find_error, is_event_stream, read_chunks
from gemtap.interaction import NO_PREVIEW, Error, Json
from gemtap.json_access import as_dict, as_list, as_text

_IMAGES: Final = ("images.generations", "images.edits")

_CHAT: Final = "chat.completions"
"""How the operation of a chat ends."""

_COMPLETIONS: Final = "completions"
"""How the operations end whose streams bring choices: chats, and the older completions of a text."""

_OK: Final = 200

_FORM_MODEL: Final = re.compile(rb'name="?model"?\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]{1,200})\r?\n')


def _read(exchange: RawExchange, operation: str, model: str | None) -> Parsed:
    if operation == RESULTS and exchange.status == _OK and has_results(exchange.response_raw):
        return Parsed.of_results(operation, read_results(exchange.response_raw))
    streamed = is_event_stream(exchange)
    chunks = read_chunks(exchange.response_raw) if streamed else []
    is_chat, has_choices = operation.endswith(_CHAT), operation.endswith(_COMPLETIONS)
    response: Json = exchange.response_json
    error = read_error(response)
    if streamed:
        values = [chunk.value for chunk in chunks]
        response = (accumulate if has_choices else media_events.accumulate)(values)
        error = find_error(chunks, whole=exchange.response_whole)
        if has_choices and error is None and _choice_error(response) is None:
            error = _unfinished(exchange, response)
    error = error or _choice_error(response)
    usage = find_usage(response)
    begins = has_content if has_choices else media_events.has_content
    return Parsed(
        operation=operation,
        model=model or model_name(exchange.request_json) or _model_of_form(exchange),
        model_version=as_text(as_dict(response).get("model")),
        streaming=streamed,
        generation_settings=read_settings(exchange.request_json),
        usage_metadata=usage,
        tokens=read_tokens(usage),
        finish_reason=read_finish_reason(response),
        error=error,
        accumulated=(response or None) if streamed else None,
        first_token_end=next((chunk.end for chunk in chunks if begins(chunk.value)), None),
        reasoning_streamed=any(has_thoughts(chunk.value) for chunk in chunks),
        preview=NO_PREVIEW.copy() if is_chat else read_preview(exchange.request_json),
    )


def _model_of_form(exchange: RawExchange) -> str | None:
    """The model where it is a field of a form, as beside a file."""
    if not exchange.request_headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return None
    found = _FORM_MODEL.search(exchange.request_raw)
    return found[1].decode("utf-8", "replace") if found is not None else None


def _choice_error(response: Json) -> Error | None:
    """The error of a choice: gateways pass on what happened to the API behind them in its place."""
    errors = (read_error(choice) for choice in as_list(as_dict(response).get("choices")))
    return next(filter(None, errors), None)


def _unfinished(exchange: RawExchange, response: Json) -> Error | None:
    if all_finished(response) or not exchange.response_whole:
        return None
    return {"message": "the stream ended without a finish_reason", "details": None}


class OpenAIChat:
    """Chat completions, and the fields that other operations share with them."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"stop", "tool_calls", "function_call"})
    withheld_endings = frozenset({"content_filter"})
    truncated_endings = frozenset({"length"})
    settings_at: Sequence[tuple[str, ...]] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        return _read(exchange, operation, model)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said in a chat, or drawn."""
        if operation.endswith(_IMAGES):
            return conversation.read_images(request, response)
        if operation.endswith(_CHAT):
            return conversation.read(request, response)
        return conversation.read_completion(request, response) if operation.endswith(_COMPLETIONS) else None

    def media_tokens(self, usage: Json) -> int | None:
        """By the details of the prompt."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of images and sound."""
        return priced_apart(usage)

    def results(self, operation: str, response: Json | bytes) -> Iterable[Result] | None:
        """The answers of a batch, if a file has any."""
        return read_results(response) if operation == RESULTS and has_results(response) else None


OPENAI_CHAT: Final = OpenAIChat()
