"""The Gemini API: https://ai.google.dev/api."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gemtap.interaction import Error, Json
from gemtap.providers.base import Parsed, RawExchange
from gemtap.providers.gemini_chunks import find_error, is_event_stream, read_chunks
from gemtap.providers.gemini_fields import (
    all_finished,
    read_blocked_prompt,
    read_error,
    read_finish_reason,
    read_generation_settings,
    read_tokens,
)
from gemtap.providers.gemini_interactions import read_interaction
from gemtap.providers.gemini_paths import read_path
from gemtap.providers.gemini_preview import read_preview
from gemtap.providers.gemini_stream import accumulate, has_content, has_thoughts
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
        if operation.startswith("interactions."):
            return read_interaction(exchange, operation, _model_in(request))
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
    chunks = read_chunks(exchange.response_raw)
    error = find_error(chunks, whole=exchange.response_whole)
    if operation not in _GENERATES:
        return _Answer(None, streamed=True, error=error)
    response = accumulate([chunk.value for chunk in chunks])
    return _Answer(
        response,
        streamed=True,
        accumulated=response or None,
        error=error or read_blocked_prompt(response) or _unfinished(exchange, response),
        first_content_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        has_thoughts=any(has_thoughts(chunk.value) for chunk in chunks),
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
    """An answer that came to its end on the wire and yet is not finished. Why one broke off, its outcome tells."""
    if all_finished(response) or not exchange.response_whole:
        return None
    return {"message": "the stream ended without a finishReason", "details": None}
