"""WebSocket sessions: their messages as the two bodies of an exchange, the exact ones and those for queries."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gemtap.body import ParsedBody, storable
from gemtap.capture.events import Closing, Event, Kind
from gemtap.dialects.base import Message
from gemtap.interaction import Error, Json
from gemtap.recorder.captured import pack_message


@dataclass(frozen=True, slots=True)
class SentMessages:
    """What one side of a session sent."""

    raw: bytes
    """A sequence of msgpack arrays `[microseconds since the request was received, text or bytes]`."""
    size: int
    """Bytes of the messages themselves."""
    messages: list[Json]
    """For queries: `{"at_ms", "data"}` each, `data` being JSON, else text, else `{"base64": "..."}`."""
    incomplete: str | None
    """Why these lack something that the exact bytes have."""


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message of a session, parsed."""

    event: Event
    parsed: ParsedBody

    @property
    def side(self) -> Literal["client", "server"]:
        """Who sent it."""
        return "client" if self.event.kind == Kind.WS_CLIENT else "server"


def message_of(read: ReadMessage) -> Message:
    """The message as a dialect reads it."""
    parsed = read.parsed
    return Message(read.side, read.event.at, read.event.value, parsed.value if parsed.is_json else None)


def sent_by(side: Literal["client", "server"], messages: Sequence[ReadMessage], sent: int) -> SentMessages:
    """What one side sent; `sent` is what times in the document count from, in microseconds."""
    own = [message for message in messages if message.side == side]
    values = [{"at_ms": (each.event.at - sent) / 1000, "data": _plain(each.parsed.value)} for each in own]
    # In here JSON is nested deeper than it was.
    kept, left_out = storable(values)
    reasons = dict.fromkeys([*filter(None, (each.parsed.incomplete for each in own)), *left_out])
    return SentMessages(
        raw=b"".join(pack_message(each.event) for each in own),
        size=sum(len(bytes_of(each.event.value)) for each in own),
        messages=kept,
        incomplete="; ".join(reasons) or None,
    )


def bytes_of(message: str | bytes) -> bytes:
    """The bytes of a message on the wire."""
    return message.encode("utf-8") if isinstance(message, str) else message


def _plain(value: Json | str | bytes) -> Json:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


_NO_FAULTS: Final = frozenset({1000, 1001, 1005})
"""Done, going away, and no code at all: RFC 6455, section 7.4.1."""


def closing_error(closing: Closing | None) -> Error | None:
    """The API's error when it closed the session, the only way in which it reports errors."""
    if closing is None or closing["by"] != "upstream" or closing["code"] in _NO_FAULTS:
        return None
    reason = f": {closing['reason']}" if closing["reason"] else ""
    return {"message": f"The session was closed with {closing['code']}{reason}", "details": dict(closing)}
