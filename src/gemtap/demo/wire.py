"""How Google writes its answers on the wire: one JSON document, a streamed JSON array, or one of three kinds of SSE."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gemtap.demo.script import Begin, Pause, Script, Send
from gemtap.interaction import Json

JSON_TYPE: Final = "application/json; charset=UTF-8"
EVENT_STREAM_TYPE: Final = "text/event-stream"


class Form(Enum):
    """The forms of an answer."""

    DOCUMENT = auto()
    SSE = auto()
    ARRAY = auto()
    """What `streamGenerateContent` gives without `alt=sse`."""
    OPENAI_SSE = auto()
    """As OpenAI streams: the last frame is `[DONE]`."""
    NAMED_SSE = auto()
    """As the Interactions API streams: each frame names its event, which its message calls `event_type`."""

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer in this form."""
        return JSON_TYPE if self in (Form.DOCUMENT, Form.ARRAY) else EVENT_STREAM_TYPE


Shape = Callable[[Sequence[Json]], list[Json]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of status 200 before it becomes bytes."""

    form: Form
    messages: Sequence[Json]
    """The chunks of a stream; of a `DOCUMENT` just the one."""
    pace: float = 0.0
    """Seconds between the chunks of a stream."""
    shape: Shape = list
    """What the messages become in another API."""

    def pieces(self) -> list[bytes]:
        """The body, a piece for each message."""
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
        """The answer as it should be."""
        pieces = self.pieces()
        if self.form is Form.DOCUMENT:
            return document(200, self.form.content_type, b"".join(pieces))
        return [Begin(200, self.form.content_type), *paced(pieces, self.pace)]


def document(status: int, content_type: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """An answer that is sent in one piece."""
    return [Begin(status, content_type, len(body), headers), Send(body)]


def plain(message: Json, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """An answer of status 200 that is one JSON document."""
    return document(200, JSON_TYPE, pretty(message), headers)


def paced(pieces: Sequence[bytes], pace: float) -> Script:
    """The pieces with a pause before each but the first."""
    steps: Script = []
    for piece in pieces:
        if steps and pace > 0:
            steps.append(Pause(pace))
        steps.append(Send(piece))
    return steps


def error_script(status: int, body: Json, form: Form) -> Script:
    """An error instead of an answer: wrapped in an array where one was asked for, never in an SSE frame."""
    text = pretty(body)
    # A request for SSE gets the error as plain JSON under the Content-Type of a stream, which is
    # why Google's JavaScript SDK shows such errors as JSON within JSON.
    return document(status, form.content_type, b"[" + text + b"]\n" if form is Form.ARRAY else text)


ARRAY_END: Final = b"\r\n]"


def array_item(message: Json, *, first: bool) -> bytes:
    """One element of a streamed JSON array, with what opens the array or parts it from the element before."""
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
    """A JSON document as Google prints it: two spaces, and a line feed at the end."""
    return _encode(json.dumps(message, ensure_ascii=False, indent=2)) + b"\n"


def _encode(text: str) -> bytes:
    # Angle brackets occur in strings only, and Google escapes them there. A lone surrogate, which
    # \ud800 in a request can bring in, has no UTF-8.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").encode("utf-8", "replace")


_ENUM_NUMBERS: Final[dict[str, dict[str, int]]] = {
    "finishReason": {"STOP": 1, "MAX_TOKENS": 2},
    "blockReason": {"SAFETY": 1},
    "modality": {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4, "DOCUMENT": 5},
}


def integer_enums(messages: Sequence[Json]) -> list[Json]:
    """What `$alt=json;enum-encoding=int` asks for."""
    return [_with_integer_enums(message) for message in messages]


def _with_integer_enums(message: Json) -> Json:
    match message:
        case list():
            return [_with_integer_enums(item) for item in message]
        case dict():
            return {
                # The arguments of a function are the model's own words, whatever they are called.
                key: item if key == "functionCall" else _enum_number(key, _with_integer_enums(item))
                for key, item in message.items()
            }
        case _:
            return message


def _enum_number(key: str, value: Json) -> Json:
    numbers = _ENUM_NUMBERS.get(key)
    return numbers.get(value, value) if numbers is not None and isinstance(value, str) else value
