"""The Gemini API: https://ai.google.dev/api."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gemtap.interaction import Error, Json
from gemtap.providers.base import Parsed, RawExchange
from gemtap.providers.gemini_fields import (
    all_finished,
    read_blocked_prompt,
    read_error,
    read_finish_reason,
    read_generation_settings,
    read_tokens,
)
from gemtap.providers.gemini_paths import read_path
from gemtap.providers.gemini_preview import read_preview
from gemtap.providers.gemini_stream import Chunk, accumulate, has_content, has_thoughts, read_chunks
from gemtap.providers.loose import members, word

_GENERATES: Final = frozenset({"generateContent", "streamGenerateContent"})
"""The operations whose streams are accumulated. Those of others have other shapes."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer as one response, and what only a stream can tell."""

    response: Json
    streamed: bool = False
    accumulated: Json = None
    error: Error | None = None
    first_content_end: int | None = None
    has_thoughts: bool = False


class Gemini:
    """Reads exchanges with the Gemini API."""

    name = "gemini"

    def parse(self, exchange: RawExchange) -> Parsed:
        """Read one exchange: whatever the shape of its JSON, what has the shape that is documented."""
        operation, model = read_path(exchange.method, exchange.path)
        request = exchange.request_json
        answer = _read_answer(exchange, operation)
        response = answer.response
        usage = members(response).get("usageMetadata")
        return Parsed(
            operation=operation,
            model=model or _model_in(request),
            model_version=word(members(response).get("modelVersion")),
            streaming=answer.streamed,
            generation_settings=read_generation_settings(request),
            usage_metadata=usage,
            tokens=read_tokens(response if operation == "countTokens" else usage),
            finish_reason=read_finish_reason(response),
            error=answer.error,
            accumulated=answer.accumulated,
            first_token_end=answer.first_content_end,
            preview=read_preview(request, response),
            reasoning_streamed=answer.has_thoughts,
        )


def _model_in(request: Json) -> str | None:
    """The model where the body names it: caches, interactions, the OpenAI paths."""
    name = word(members(request).get("model"))
    return name.removeprefix("models/") if name else None


def _read_answer(exchange: RawExchange, operation: str) -> _Answer:
    if not _is_stream(exchange, operation):
        response = exchange.response_json
        return _Answer(response, error=read_error(response) or read_blocked_prompt(response))
    if operation in _GENERATES:
        return _read_stream(exchange)
    return _Answer(None, streamed=True, error=_first_error(read_chunks(exchange.response_raw)))


def _is_stream(exchange: RawExchange, operation: str) -> bool:
    """Whether the answer came as a stream; an error before its first chunk is one JSON body, whatever was asked for."""
    if exchange.status is None or exchange.status >= 400:
        return False
    content_type = exchange.response_headers.get("content-type", "").lower()
    if content_type.startswith("text/event-stream"):
        return True
    may_stream = operation == "streamGenerateContent" and (not content_type or "json" in content_type)
    return may_stream and not isinstance(exchange.response_json, dict)


def _read_stream(exchange: RawExchange) -> _Answer:
    chunks = read_chunks(exchange.response_raw)
    response = accumulate([chunk.value for chunk in chunks])
    readable = [isinstance(chunk.value, dict) for chunk in chunks]
    if readable and not readable[-1] and not exchange.response_whole:
        readable.pop()  # torn where the answer broke off, of which the exchange's outcome tells
    return _Answer(
        response,
        streamed=True,
        accumulated=response or None,
        error=(
            _first_error(chunks)
            or read_blocked_prompt(response)
            or _unreadable(readable)
            or _unfinished(exchange, response)
        ),
        first_content_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        has_thoughts=any(has_thoughts(chunk.value) for chunk in chunks),
    )


def _first_error(chunks: list[Chunk]) -> Error | None:
    return next((error for chunk in chunks if (error := read_error(chunk.value))), None)


def _unreadable(readable: list[bool]) -> Error | None:
    if all(readable):
        return None
    return {
        "message": f"{readable.count(False)} of the stream's {len(readable)} chunks cannot be read",
        "details": None,
    }


def _unfinished(exchange: RawExchange, response: Json) -> Error | None:
    """An answer that came to its end on the wire and yet is not finished. Why one broke off, its outcome tells."""
    if all_finished(response) or not exchange.response_whole:
        return None
    return {"message": "the stream ended without a finishReason", "details": None}
