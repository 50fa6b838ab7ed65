"""Headers between client and upstream: what is left out, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import Final

from gemtap.access.keys import HEADER
from gemtap.capture.events import RawHeaders

# RFC 9110, section 7.6.1, and the older ones that clients still send.
_HOP_BY_HOP: Final = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    # Not of this hop only, but meant for Gemtap: nobody else may see it.
    HEADER,
}

_WEBSOCKET: Final = b"sec-websocket-"

_DECODABLE: Final = (b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"identity")
"""The content-encodings that the recorder can undo."""


def to_upstream(headers: RawHeaders, host: bytes) -> RawHeaders:
    """The client's headers as they go upstream."""
    dropped = _for_this_hop(headers)
    kept = [(b"host", host)]
    for name, value in headers:
        # Expect is answered here: by the time the upstream hears of the request, the body is on its way.
        if name in dropped or name in (b"host", b"expect"):
            continue
        kept.append((name, _decodable_only(value) if name == b"accept-encoding" else value))
    return kept


def to_client(headers: RawHeaders) -> RawHeaders:
    """The upstream's headers as they go to the client. Names are in lower case."""
    dropped = _for_this_hop(headers)
    return [(name, value) for name, value in headers if name not in dropped]


def to_websocket(headers: RawHeaders) -> list[tuple[str, str]]:
    """The client's headers for a WebSocket handshake of our own, which brings its own `Host` and `Sec-WebSocket-*`."""
    kept = to_upstream([(name, value) for name, value in headers if not name.startswith(_WEBSOCKET)], host=b"")
    # websockets writes ISO-8859-1: every byte is one of its characters.
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept[1:]]


def to_client_websocket(headers: RawHeaders) -> RawHeaders:
    """The headers of the upstream's answer to a handshake as they go to the client, whose handshake is another."""
    return [(name, value) for name, value in to_client(headers) if not name.startswith(_WEBSOCKET)]


def value_of(headers: RawHeaders, name: bytes) -> bytes | None:
    """The first value of a header, by its lower-case name."""
    # A loop, not a generator: this runs several times per exchange.
    for header, value in headers:
        if header == name:
            return value
    return None


def content_length(headers: RawHeaders) -> int | None:
    """The Content-Length if it is valid, else None."""
    value = value_of(headers, b"content-length")
    return int(value) if value is not None and value.isdigit() else None


def has_body(headers: RawHeaders, length: int | None) -> bool:
    """Whether a request with these headers, and this Content-Length, has a body (RFC 9112, section 6.3)."""
    return bool(length) or value_of(headers, b"transfer-encoding") is not None


def _for_this_hop(headers: RawHeaders) -> Set[bytes]:
    """The headers that are for this hop only, those among them that `Connection` declares to be."""
    dropped: Set[bytes] = _HOP_BY_HOP
    for name, value in headers:
        if name == b"connection":
            dropped = dropped | _named(value)
    return dropped


@lru_cache(maxsize=64)
def _named(connection: bytes) -> Set[bytes]:
    """The headers that a `Connection` names."""
    return {token.strip().lower() for token in connection.split(b",")} - {b""}


@lru_cache(maxsize=64)
def _decodable_only(accepted: bytes) -> bytes:
    """Accept-Encoding without what could not be decoded for the record.

    `identity` where nothing is left: an empty value would mean the same, but some servers take it for anything.
    """
    kept = [item.strip() for item in accepted.split(b",") if item.partition(b";")[0].strip().lower() in _DECODABLE]
    return b", ".join(kept) or b"identity"
