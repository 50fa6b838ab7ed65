"""Exchanges in Ollama's own shapes: chats, completions, embeddings, and everything about models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.conversation.preview import shorten
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.common_fields import read_error
from gemtap.dialects.ollama import CUT_POINTS
from gemtap.dialects.ollama.accumulate import accumulate, has_content, has_thoughts, read_lines
from gemtap.dialects.ollama.conversation import read_chat, read_completion
from gemtap.dialects.stream_chunks import find_error
from gemtap.interaction import NO_PREVIEW, NO_TOKENS, Json, Preview, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count

CHAT: Final = "ollama.chat"
GENERATE: Final = "ollama.generate"

_LINES: Final = "application/x-ndjson"

_USAGE: Final = (
    *("prompt_eval_count", "eval_count"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
)
"""Counts of tokens, and times in nanoseconds."""

_SETTINGS: Final = ("options", "format", "think", "keep_alive", "raw", "truncate", "dimensions", "logprobs")


def _read(exchange: RawExchange, operation: str, model: str | None) -> Parsed:
    streamed = _is_stream(exchange)
    lines = read_lines(exchange.response_raw) if streamed else []
    response: Json = accumulate([line.value for line in lines]) if streamed else exchange.response_json
    fields = as_dict(response)
    error = find_error(lines, whole=exchange.response_whole) if streamed else read_error(response)
    is_talk = operation in (CHAT, GENERATE)
    if streamed and is_talk and error is None and exchange.response_whole and fields.get("done") is not True:
        error = {"message": "the stream ended before it was done", "details": None}
    usage = {name: fields[name] for name in _USAGE if name in fields}
    request = as_dict(exchange.request_json)
    return Parsed(
        operation=operation,
        model=model or as_text(request.get("model")) or as_text(request.get("name")),
        model_version=as_text(fields.get("model")),
        streaming=streamed,
        generation_settings={name: request[name] for name in _SETTINGS if name in request} or None,
        usage_metadata=usage or None,
        tokens=_tokens(fields),
        finish_reason=as_text(fields.get("done_reason")),
        error=error,
        accumulated=(response or None) if streamed else None,
        first_token_end=next((line.end for line in lines if has_content(line.value)), None),
        reasoning_streamed=any(has_thoughts(line.value) for line in lines),
        preview=NO_PREVIEW.copy() if is_talk else _preview(request),
    )


def _is_stream(exchange: RawExchange) -> bool:
    """Lines of JSON; an error's answer may be plain JSON in spite of its type."""
    declared = exchange.response_headers.get("content-type", "").lower().startswith(_LINES)
    failed = exchange.status is None or exchange.status >= 400
    return declared and not (failed and exchange.response_json is not None)


def _tokens(response: dict[str, Json]) -> Tokens:
    """Ollama counts thoughts among the output, and leaves the prompt's count out where all of it was cached."""
    read, written = count(response.get("prompt_eval_count")), count(response.get("eval_count"))
    if read is None and written is None:
        return NO_TOKENS.copy()
    return {**NO_TOKENS, "input": read, "output": written, "total": (read or 0) + (written or 0)}


def _preview(request: dict[str, Json]) -> Preview:
    """What embeddings are made of."""
    given = request.get("input", request.get("prompt"))
    texts = [as_text(each) for each in as_list(given)] or [as_text(given)]
    return {"prompt": shorten(" ".join(filter(None, texts))) or None, "answer": None}


class Ollama:
    """What Ollama's own paths take and answer."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"stop"})
    withheld_endings: frozenset[str] = frozenset()
    truncated_endings = frozenset({"length"})
    settings_at: Sequence[tuple[str, ...]] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        return _read(exchange, operation, model)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said in a chat or a completion."""
        if operation == CHAT:
            return read_chat(request, response)
        return read_completion(request, response) if operation == GENERATE else None

    def media_tokens(self, usage: Json) -> int | None:
        """Not counted apart."""
        return None

    def priced_apart(self, usage: Json) -> Mapping[str, int]:
        """Nothing is."""
        return {}


OLLAMA: Final = Ollama()
