"""A streamed answer of Gemini, chunk by chunk: server-sent events, or without `alt=sse` one JSON array."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gemtap.dialects import sse
from gemtap.dialects.base import RawExchange
from gemtap.dialects.common_fields import read_error
from gemtap.dialects.json_stream import read_elements
from gemtap.interaction import Error, Json
from gemtap.json_access import read_json


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of the stream as the API sent it."""

    value: Json
    """Mostly an object; None if it cannot be parsed."""
    end: int
    """Offset in the body just past it."""


_ARRAY: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\[")


def read_chunks(body: bytes) -> list[Chunk]:
    """The chunks of a body in either framing."""
    return list(_array(body) if _ARRAY.match(body) else _events(body))


def _events(body: bytes) -> Iterator[Chunk]:
    for frame in sse.frames(body):
        if not _says_nothing(frame):
            yield Chunk(read_json(frame.data), frame.end)


_NOTHING: Final = frozenset({b"", b"null", b"[DONE]"})
"""Data without content. Interactions and the OpenAI paths end with `[DONE]`; gateways send the others as heartbeats."""

_HEARTBEATS: Final = frozenset({"ping", "heartbeat", "keepalive"})
"""What gateways call events that only keep a connection open, in letters alone: as the event's type or as its data."""

_LONGEST_HEARTBEAT: Final = 20
_NO_LETTERS: Final = re.compile("[^a-z]+")


def _says_nothing(frame: sse.Frame) -> bool:
    """Whether the event is the end mark of a stream or a heartbeat, and no chunk of the answer."""
    data = frame.data.strip()
    if data in _NOTHING:
        return True
    named = [frame.event or "", data.decode("latin-1") if len(data) <= _LONGEST_HEARTBEAT else ""]
    return any(_NO_LETTERS.sub("", name.lower()) in _HEARTBEATS for name in named)


def _array(body: bytes) -> Iterator[Chunk]:
    array = read_elements(body)
    for element in array.elements:
        yield Chunk(element.value, element.end)
    if not array.closed:
        yield Chunk(None, len(body))


def is_event_stream(exchange: RawExchange) -> bool:
    """Whether the answer is server-sent events; with an error's status it may be plain JSON in spite of its type."""
    declared = exchange.response_headers.get("content-type", "").lower().startswith("text/event-stream")
    failed = exchange.status is None or exchange.status >= 400
    return declared and not (failed and exchange.response_json is not None)


def find_error(chunks: Sequence[Chunk], *, whole: bool) -> Error | None:
    """The first error that the API reported in its stream; else the number of unreadable chunks, if there are any.

    The last chunk of an incomplete stream may be torn, which the outcome of the exchange says.
    """
    reported = next((error for chunk in chunks if (error := read_error(chunk.value))), None)
    if reported is not None:
        return reported
    readable = [isinstance(chunk.value, dict) for chunk in chunks]
    if readable and not readable[-1] and not whole:
        readable.pop()
    if all(readable):
        return None
    message = f"{readable.count(False)} of the stream's {len(readable)} chunks cannot be read"
    return {"message": message, "details": None}
