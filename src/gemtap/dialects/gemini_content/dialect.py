"""Requests for content, and what is asked and answered in the same way: Gemini's own, Vertex AI's, Code Assist's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.batch_results import Result
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.gemini_content import CUT_POINTS
from gemtap.dialects.gemini_content.accumulate import accumulate, has_content, has_thoughts
from gemtap.dialects.gemini_content.batches import FILE, RESULTS, batch_model, has_results, read_results
from gemtap.dialects.gemini_content.conversation import read as read_conversation
from gemtap.dialects.gemini_content.fields import (
    WITHHELD,
    all_finished,
    read_blocked_prompt,
    read_created_cache_tokens,
    read_finish_reason,
    read_generation_settings,
    read_predicted_tokens,
    read_tokens,
)
from gemtap.dialects.gemini_content.generated_media import makes_media, read_generated
from gemtap.dialects.gemini_content.modalities import media_tokens, priced_apart
from gemtap.dialects.gemini_content.preview import read_preview
from gemtap.dialects.stream_chunks import Chunk, find_error, is_event_stream, read_chunks
from gemtap.interaction import NO_PREVIEW, Error, Json, Tokens
from gemtap.json_access import as_dict, as_text

_GENERATES: Final = frozenset({"generateContent", "streamGenerateContent"})
"""The operations whose streams are accumulated. Those of others have other shapes."""


_OK: Final = 200


_SETTINGS: Final = (("generationConfig",), ("generation_config",), ("parameters",))


class Envelope:
    """What an API puts around Gemini's requests and responses. This one is none."""

    def request(self, sent: Json) -> Json:
        """What was put into a request."""
        return sent

    def settings_at(self) -> Sequence[tuple[str, ...]]:
        """Where a request has its settings."""
        return _SETTINGS

    def response(self, got: Json) -> Json:
        """What was put into a response, or into one chunk of a stream."""
        return got

    def whole(self, chunks: list[Json], response: dict[str, Json]) -> dict[str, Json]:
        """The response that the chunks, which come as they are, amount to, as it comes when it is not streamed."""
        return response


@dataclass(frozen=True, slots=True)
class _Answer:
    """The response, with properties of its stream."""

    response: Json
    streamed: bool = False
    accumulated: Json = None
    error: Error | None = None
    first_content_end: int | None = None
    has_thoughts: bool = False


def _read(exchange: RawExchange, operation: str, model: str | None, envelope: Envelope) -> Parsed:
    """Read one exchange; `model` is what the path names."""
    if operation in RESULTS and exchange.status == _OK:
        return _read_results(exchange, operation)
    request = envelope.request(exchange.request_json)
    answer = _read_answer(exchange, operation, envelope)
    response = answer.response
    usage = as_dict(response).get("usageMetadata")
    return Parsed(
        operation=operation,
        model=model or model_name(exchange.request_json) or model_name(request),
        model_version=as_text(as_dict(response).get("modelVersion")),
        streaming=answer.streamed,
        generation_settings=read_generation_settings(request),
        usage_metadata=usage,
        tokens=_read_tokens(operation, response, usage),
        finish_reason=read_finish_reason(response),
        error=answer.error,
        accumulated=answer.accumulated,
        first_token_end=answer.first_content_end,
        preview=NO_PREVIEW.copy() if operation in _GENERATES else read_preview(request, response),
        reasoning_streamed=answer.has_thoughts,
    )


def _read_results(exchange: RawExchange, operation: str) -> Parsed:
    """A batch, or a file: what either says of tokens is said in its results."""
    body: Json | bytes = exchange.response_raw if operation == FILE else exchange.response_json
    found = Parsed.of_results(operation, read_results(operation, body) if has_results(operation, body) else ())
    model, error = batch_model(exchange.response_json), found.error or read_error(exchange.response_json)
    return replace(found, model=model, error=error)


def _read_tokens(operation: str, response: Json, usage: Json) -> Tokens:
    if operation == "predict" and usage is None:
        return read_predicted_tokens(response)
    return read_created_cache_tokens(usage) if operation == "cachedContents.create" else read_tokens(usage)


def _read_answer(exchange: RawExchange, operation: str, envelope: Envelope) -> _Answer:
    if not _is_stream(exchange, operation):
        response = envelope.response(exchange.response_json)
        return _Answer(response, error=read_error(exchange.response_json) or read_blocked_prompt(response))
    chunks = read_chunks(exchange.response_raw)
    error = find_error(chunks, whole=exchange.response_whole)
    if operation not in _GENERATES:
        return _Answer(None, streamed=True, error=error)
    contents = [Chunk(envelope.response(chunk.value), chunk.end) for chunk in chunks]
    response = accumulate([chunk.value for chunk in contents])
    return _Answer(
        response,
        streamed=True,
        accumulated=envelope.whole([chunk.value for chunk in chunks], response) or None,
        error=error or read_blocked_prompt(response) or _unfinished(exchange, response),
        first_content_end=next((chunk.end for chunk in contents if has_content(chunk.value)), None),
        has_thoughts=any(has_thoughts(chunk.value) for chunk in contents),
    )


def _is_stream(exchange: RawExchange, operation: str) -> bool:
    """Whether the answer came as a stream; an error before its first chunk is one JSON body, whatever was asked for."""
    if is_event_stream(exchange):
        return True
    if exchange.status is None or exchange.status >= 400 or operation != "streamGenerateContent":
        return False
    content_type = exchange.response_headers.get("content-type", "").lower()
    return (not content_type or "json" in content_type) and not isinstance(exchange.response_json, dict)


def _unfinished(exchange: RawExchange, response: Json) -> Error | None:
    """The error of a response that is complete on the wire but unfinished. Otherwise the outcome has the cause."""
    if all_finished(response) or not exchange.response_whole:
        return None
    return {"message": "the stream ended without a finishReason", "details": None}


class GeminiContent:
    """Requests for content and their answers, perhaps in an envelope.

    Other operations are read if they have the same fields.
    """

    cut_points = CUT_POINTS
    good_endings = frozenset({"STOP"})
    withheld_endings = WITHHELD
    truncated_endings = frozenset({"MAX_TOKENS"})

    def __init__(self, envelope: Envelope | None = None) -> None:
        self._envelope = envelope or Envelope()

    @property
    def settings_at(self) -> Sequence[tuple[str, ...]]:
        """In a member of their own, perhaps within the envelope."""
        return self._envelope.settings_at()

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        return _read(exchange, operation, model, self._envelope)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said, where content or media were asked for."""
        asked, answered = self._envelope.request(request), self._envelope.response(response)
        if operation in _GENERATES:
            return read_conversation(asked, answered)
        # The result of a long-running operation is in a member `response` too.
        return read_generated(operation, request, response) if makes_media(operation) else None

    def media_tokens(self, usage: Json) -> int | None:
        """By `promptTokensDetails`."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of audio, images and video."""
        return priced_apart(usage)

    def results(self, operation: str, response: Json | bytes) -> Iterable[Result] | None:
        """The answers of a batch, inside it or in a file."""
        is_some = operation in RESULTS and has_results(operation, response)
        return read_results(operation, response) if is_some else None


GEMINI_CONTENT: Final = GeminiContent()
"""Without an envelope."""
