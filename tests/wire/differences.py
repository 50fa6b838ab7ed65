"""The short list of what a tap changes in messages, as data. Whatever else differs is a fault.

An entry that the tap no longer needs is deleted here, and the tests then hold the tap to the letter in that point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Final

Headers = tuple[tuple[bytes, bytes], ...]

HOP_BY_HOP: Final = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"),
    *(b"trailer", b"transfer-encoding", b"upgrade"),
}
DECODABLE: Final = {b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"identity"}


@dataclass(frozen=True)
class Message:
    """A request or a response as its receiver saw it."""

    start: bytes
    """The whole first line."""
    headers: Headers
    """Names as they were sent; values without the white space around them."""
    body: bytes
    trailers: Headers = ()
    interim: tuple[tuple[bytes, Headers], ...] = ()
    """First line and headers of each 1xx response before it."""
    to_http10: bool = False
    """Whether it answers a request of HTTP/1.0."""


Change = Callable[[Message], Message]


@dataclass(frozen=True)
class Difference:
    """What a tap may change."""

    what: str
    why: str
    direct: Change | None = None
    """Turns what was received directly into what is received through the tap."""
    through: Change | None = None
    """Removes from what was received through the tap what may be anything."""


def differ(direct: Message, through: Message, listed: Sequence[Difference]) -> str | None:
    """How the two differ in more than is listed, or None."""
    expected = _changed(direct, (each.direct for each in listed))
    received = _changed(through, (each.through for each in listed))
    if expected == received:
        return None
    return "\n".join(
        f"{name}: expected {wanted!r:.2000}, received {got!r:.2000}"
        for name in (field.name for field in fields(Message))
        if (wanted := getattr(expected, name)) != (got := getattr(received, name))
    )


def _changed(message: Message, changes: Iterable[Change | None]) -> Message:
    return reduce(lambda changed, change: change(changed) if change else changed, changes, message)


def named_by_connection(headers: Headers) -> set[bytes]:
    """The header names that `Connection` lists."""
    values = (value for name, value in headers if name.lower() == b"connection")
    return {token.strip().lower() for value in values for token in value.split(b",")}


def _without(*names: bytes) -> Change:
    return lambda message: replace(
        message, headers=tuple(each for each in message.headers if each[0].lower() not in names)
    )


def _hop_by_hop(message: Message) -> Message:
    return _without(*HOP_BY_HOP, *named_by_connection(message.headers))(message)


def _lower_case(message: Message) -> Message:
    def lower(headers: Headers) -> Headers:
        return tuple((name.lower(), value) for name, value in headers)

    interim = tuple((start, lower(headers)) for start, headers in message.interim)
    return replace(message, headers=lower(message.headers), interim=interim)


def _one_line(message: Message) -> Message:
    """Folded values on one line (RFC 9112, section 5.2)."""
    headers = tuple((name, b" ".join(part.strip() for part in value.split(b"\r\n"))) for name, value in message.headers)
    return replace(message, headers=headers)


def _host(upstream: bytes) -> Change:
    return lambda message: replace(
        message, headers=((b"host", upstream), *(each for each in message.headers if each[0].lower() != b"host"))
    )


def _accept_encoding(message: Message) -> Message:
    def decodable(value: bytes) -> bytes:
        kept = [each.strip() for each in value.split(b",") if each.split(b";")[0].strip().lower() in DECODABLE]
        return b", ".join(kept) or b"identity"

    headers = tuple(
        (name, decodable(value) if name.lower() == b"accept-encoding" else value) for name, value in message.headers
    )
    return replace(message, headers=headers)


def _http11(message: Message) -> Message:
    return replace(message, start=message.start.replace(b"HTTP/1.0", b"HTTP/1.1"))


def _empty_query(message: Message) -> Message:
    method, target, version = message.start.split(b" ")
    if target.endswith(b"?") and target.count(b"?") == 1:
        target = target[:-1]
    return replace(message, start=b" ".join([method, target, version]))


def _said_length(message: Message) -> Message:
    framed = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in message.headers)
    if framed or message.start.split(b" ")[0] in (b"GET", b"HEAD", b"OPTIONS"):
        return message
    return replace(message, headers=(*message.headers, (b"content-length", b"0")))


def _no_trailers(message: Message) -> Message:
    return replace(message, trailers=())


def _interim_to_http11(message: Message) -> Message:
    return replace(message, interim=()) if message.to_http10 else message


def _no_continue(message: Message) -> Message:
    return replace(message, interim=tuple(each for each in message.interim if b" 100 " not in each[0]))


def to_upstream(upstream: bytes) -> tuple[Difference, ...]:
    """What may differ in a request. `upstream` is the upstream's `HOST:PORT`."""
    return (
        Difference(
            "length", "RFC 9110, section 8.6: a method that may have a body says that it has none", _said_length
        ),
        Difference("framing", "chunks are each connection's own", None, _without(b"transfer-encoding")),
        Difference("hop-by-hop", "RFC 9110, section 7.6.1", _hop_by_hop),
        Difference("host", "the upstream's own", _host(upstream)),
        Difference("expect", "the tap answers it", _without(b"expect")),
        Difference("accept-encoding", "cut to what can be decoded for the record", _accept_encoding),
        Difference("case", "names are in lower case", _lower_case),
        Difference("version", "the tap speaks HTTP/1.1", _http11),
        Difference("empty query", "an empty query means the same as none", _empty_query),
        Difference("trailers", "trailers are not forwarded", _no_trailers),
    )


TO_CLIENT: Final = (
    Difference("framing", "chunks and keep-alive are each connection's own", None, _without(*HOP_BY_HOP)),
    Difference("id", "the one header that the tap adds", None, _without(b"x-gemtap-id")),
    Difference("hop-by-hop", "RFC 9110, section 7.6.1", _hop_by_hop),
    Difference("case", "names are in lower case", _lower_case),
    Difference("folding", "RFC 9112, section 5.2", _one_line),
    Difference("version", "the tap speaks HTTP/1.1", _http11),
    Difference("continue", "the tap answers Expect itself", _no_continue, _no_continue),
    Difference("interim to HTTP/1.0", "RFC 9110, section 15.2: it has no 1xx", _interim_to_http11),
    Difference("trailers", "trailers are not forwarded", _no_trailers),
)
"""What may differ in a response."""
