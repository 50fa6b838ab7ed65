"""Serialises responses as Google does: a JSON document, a streamed JSON array, or one of three kinds of SSE."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gemtap.interaction import Json
from gemtap.simulation.script import Begin, Pause, Script, Send

JSON_TYPE: Final = "application/json; charset=UTF-8"
EVENT_STREAM_TYPE: Final = "text/event-stream"


class Form(Enum):
    """Formats of a response."""

    DOCUMENT = auto()
    SSE = auto()
    ARRAY = auto()
    """`streamGenerateContent` without `alt=sse`."""
    OPENAI_SSE = auto()
    """OpenAI's streams: the last frame is `[DONE]`."""
    NAMED_SSE = auto()
    """Streams of the Interactions API: each frame has the name of its event, the message's `event_type`."""

    @property
    def content_type(self) -> str:
        """The Content-Type of this format."""
        return JSON_TYPE if self in (Form.DOCUMENT, Form.ARRAY) else EVENT_STREAM_TYPE


Shape = Callable[[Sequence[Json]], list[Json]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with status 200, before it is serialised."""

    form: Form
    messages: Sequence[Json]
    """The chunks of a stream, or the single message of a `DOCUMENT`."""
    pace: float = 0.0
    """Seconds between the chunks of a stream."""
    shape: Shape = list
    """Converts the messages to the format of another API."""

    def pieces(self) -> list[bytes]:
        """The body, with one piece per message."""
        messages = self.shape(self.messages)
        match self.form:
            case Form.DOCUMENT:
                return [pretty(message) for message in messages]
            case Form.SSE:
                return [frame(message) for message in messages]
            case Form.OPENAI_SSE:
                return [*(_frame_with_line_feeds(message) for message in messages), b"data: [DONE]\n\n"]
            case Form.NAMED_SSE:
                return [*map(_named_frame, messages), b"event: done\ndata: [DONE]\n\n"]
            case Form.ARRAY:
                pieces = [array_item(message, first=at == 0) for at, message in enumerate(messages)]
                return [*pieces[:-1], pieces[-1] + ARRAY_END]

    def script(self) -> Script:
        """The script of the correct response."""
        pieces = self.pieces()
        if self.form is Form.DOCUMENT:
            return document(200, self.form.content_type, b"".join(pieces))
        return [Begin(200, self.form.content_type), *paced(pieces, self.pace)]


def document(status: int, content_type: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """A response that is sent at once."""
    return [Begin(status, content_type, len(body), headers), Send(body)]


def plain(message: Json, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """A response with status 200 and one JSON document."""
    return document(200, JSON_TYPE, pretty(message), headers)


def paced(pieces: Sequence[bytes], pace: float) -> Script:
    """The pieces, with a pause before each except the first."""
    steps: Script = []
    for piece in pieces:
        if steps and pace > 0:
            steps.append(Pause(pace))
        steps.append(Send(piece))
    return steps


def error_script(status: int, body: Json, form: Form) -> Script:
    """An error response: in an array if the format is one, and never in an SSE frame."""
    text = pretty(body)
    # With SSE, the error is plain JSON although the Content-Type is that of a stream. Therefore Google's JavaScript SDK
    # shows such errors as JSON within JSON.
    return document(status, form.content_type, b"[" + text + b"]\n" if form is Form.ARRAY else text)


ARRAY_END: Final = b"\r\n]"


def array_item(message: Json, *, first: bool) -> bytes:
    """One element of a streamed JSON array, preceded by the opening bracket or the separator."""
    return (b"[" if first else b"\r\n,") + pretty(message).rstrip(b"\n")


def frame(message: Json) -> bytes:
    """One SSE frame."""
    return b"data: " + _encode(json.dumps(message, ensure_ascii=False, separators=(",", ": "))) + b"\r\n\r\n"


def _frame_with_line_feeds(message: Json) -> bytes:
    return b"data: " + _encode(json.dumps(message, ensure_ascii=False, separators=(",", ":"))) + b"\n\n"


def _named_frame(message: Json) -> bytes:
    event: str = message["event_type"]
    return b"event: " + event.encode("ascii") + b"\n" + _frame_with_line_feeds(message)


def pretty(message: Json) -> bytes:
    """A JSON document in Google's layout: indented by two spaces, with a line feed at the end."""
    return _encode(json.dumps(message, ensure_ascii=False, indent=2)) + b"\n"


def _encode(text: str) -> bytes:
    # Angle brackets occur only in strings, where Google escapes them. A lone surrogate, from \ud800 in a request,
    # cannot be encoded as UTF-8.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").encode("utf-8", "replace")


_ENUM_NUMBERS: Final[dict[str, dict[str, int]]] = {
    "finishReason": {"STOP": 1, "MAX_TOKENS": 2},
    "blockReason": {"SAFETY": 1},
    "modality": {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4, "DOCUMENT": 5},
}


def integer_enums(messages: Sequence[Json]) -> list[Json]:
    """The messages with numbers instead of enum names, for `$alt=json;enum-encoding=int`."""
    return [_with_integer_enums(message) for message in messages]


def _with_integer_enums(message: Json) -> Json:
    match message:
        case list():
            return [_with_integer_enums(item) for item in message]
        case dict():
            return {
                # Arguments of functions come from the model, even if they have the name of an enum field.
                key: item if key == "functionCall" else _enum_number(key, _with_integer_enums(item))
                for key, item in message.items()
            }
        case _:
            return message


def _enum_number(key: str, value: Json) -> Json:
    numbers = _ENUM_NUMBERS.get(key)
    return numbers.get(value, value) if numbers is not None and isinstance(value, str) else value
