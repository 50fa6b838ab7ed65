"""WebSocket sessions: their messages as the two bodies of an exchange, the exact ones and those for queries."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgpack

from gemtap.body import ParsedBody, parse_body, storable
from gemtap.capture.events import Closing, Event, Kind
from gemtap.dialects.base import Message
from gemtap.interaction import Error, Json


@dataclass(frozen=True, slots=True)
class SentMessages:
    """What one side of a session sent."""

    raw: bytes
    """A sequence of msgpack arrays `[microseconds since the request was received, text or bytes]`."""
    size: int
    """Bytes of the messages themselves."""
    times: list[int]
    messages: list[Json]
    """For queries: `{"at_ms", "data"}` each, `data` being JSON, else text, else `{"base64": "..."}`."""
    incomplete: str | None
    """Why these lack something that the exact bytes have."""


@dataclass(frozen=True, slots=True)
class Session:
    """The messages of both sides."""

    messages: list[Message]
    client: SentMessages
    server: SentMessages


def open_session(events: Sequence[Event], sent: int) -> Session:
    """The session of these `ws.client` and `ws.server` events; `sent` is what times in the document count from."""
    opened = [(event, parse_body(_bytes(event.value))) for event in events]
    return Session(
        [
            Message(_side(event), event.at, event.value, parsed.value if parsed.is_json else None)
            for event, parsed in opened
        ],
        _sent_by("client", opened, sent),
        _sent_by("server", opened, sent),
    )


def _side(event: Event) -> Literal["client", "server"]:
    return "client" if event.kind == Kind.WS_CLIENT else "server"


def _sent_by(side: str, opened: Sequence[tuple[Event, ParsedBody]], sent: int) -> SentMessages:
    own = [(event, parsed) for event, parsed in opened if _side(event) == side]
    messages = [{"at_ms": (event.at - sent) / 1000, "data": _plain(parsed.value)} for event, parsed in own]
    # In here JSON is nested deeper than it was.
    kept, left_out = storable(messages)
    reasons = dict.fromkeys([*filter(None, (parsed.incomplete for _, parsed in own)), *left_out])
    return SentMessages(
        raw=b"".join(pack_message(event) for event, _ in own),
        size=sum(len(_bytes(event.value)) for event, _ in own),
        times=[event.at for event, _ in own],
        messages=kept,
        incomplete="; ".join(reasons) or None,
    )


def pack_message(event: Event) -> bytes:
    """A message as it stands in the exact bytes of its side."""
    packed: bytes = msgpack.packb([event.at, event.value])
    return packed


def _bytes(message: str | bytes) -> bytes:
    return message.encode("utf-8") if isinstance(message, str) else message


def _plain(value: Json | str | bytes) -> Json:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


_NO_FAULTS: Final = frozenset({1000, 1001, 1005})
"""Done, going away, and no code at all: RFC 6455, section 7.4.1."""


def closing_error(closing: Closing | None) -> Error | None:
    """What the API said was wrong when it closed the session: it has no other way to say so."""
    if closing is None or closing["by"] != "upstream" or closing["code"] in _NO_FAULTS:
        return None
    reason = f": {closing['reason']}" if closing["reason"] else ""
    return {"message": f"The session was closed with {closing['code']}{reason}", "details": dict(closing)}
