"""Arbitrary requests and responses as bytes, in every framing of HTTP/1, and a parser that keeps the letter."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from hypothesis import strategies as st

from tests.wire.differences import Headers, Message
from tests.wire.peers import Peer

_SEGMENT: Final = st.sampled_from(
    ["models", "x:generateContent", "a%2Fb", "%7e~", "a:b", "", "%E4%B8%AD", "x;y=1", "..%2f", "a@b", "!$'()*"]
)
_QUERY: Final = st.sampled_from(
    ["", "?", "?a=1", "?alt=sse&x=%2F%3d", "?a=b=c&&d", "?q=a+b%20c", "?a[]=1", "??x", "?%24alt=json%3Benum"]
)
_TARGET: Final = st.builds(
    lambda segments, query: "/v1beta/" + "/".join(segments) + query, st.lists(_SEGMENT, min_size=1, max_size=4), _QUERY
)
_OTHERS: Final = {
    *("content-length", "transfer-encoding", "host", "connection", "expect", "upgrade", "trailer"),
    *("authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key", "set-cookie", "proxy-authorization"),
    *("accept-encoding", "content-encoding"),
}
"""Headers that are generated apart, or that other tests cover."""
_NAME: Final = st.one_of(
    st.sampled_from(["X-Goog-Api-Client", "x-a", "X-A", "Accept", "User-Agent", "TE", "Keep-Alive", "_x"]),
    st.from_regex(r"\A[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}\Z"),
).filter(lambda name: name.lower() not in _OTHERS)
_VALUE: Final = st.one_of(
    st.sampled_from([b"", b"text/event-stream", b"a, b ,c", b'"quoted, value"', "süß".encode(), b"a\tb", b"x" * 5000]),
    st.binary(max_size=30).map(lambda raw: re.sub(rb"[\x00-\x1f\x7f]", b"", raw).strip()),
)
_HEADERS: Final = st.lists(st.tuples(_NAME.map(str.encode), _VALUE), max_size=6)
_SPACE: Final = st.sampled_from([b" ", b" ", b"", b"\t", b"  "])
"""Between a colon and the value."""
_ACCEPT_ENCODING: Final = st.sampled_from(
    [b"gzip, deflate, br, zstd", b"br;q=1.0, gzip;q=0.8, *;q=0.1", b"compress", b"", b"identity", b"GZIP ,lzma"]
)
_STATUS: Final = st.sampled_from(
    [b"200 OK", b"201 Made", b"204 No", b"206 Part", b"304 Old", b"404 Gone fishing", b"429 S\xfcd down", b"503 "]
)
_INTERIM: Final = st.sampled_from(
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ]
)
_BODY: Final = st.one_of(st.just(b""), st.binary(max_size=300), st.just(b'{"contents":[]}' * 2000))
_CHUNKS: Final = st.lists(st.integers(1, 4000), max_size=3)
_EXTENSION: Final = st.sampled_from([b"", b"", b";a=1", b';name="quoted; value"', b";x"])
"""Without white space before the semicolon, which RFC 9112 bears with and llhttp refuses as a smuggler's."""
_TRAILER: Final = st.sampled_from([b"", b"", b"X-Trailer: t\r\n", b"x-a: 1\r\nx-b: \xe9\r\n"])


@dataclass(frozen=True)
class RawExchange:
    """A request with its response, to the byte."""

    method: bytes
    request: bytes
    response: bytes
    ends_connection: bool
    """Whether the connection cannot carry another one."""

    @property
    def is_http10(self) -> bool:
        """Whether the client speaks HTTP/1.0."""
        return self.request.partition(b"\r\n")[0].endswith(b" HTTP/1.0")


@st.composite
def exchanges(draw: st.DrawFn, *, last: bool) -> RawExchange:
    """Only the last exchange of a connection may have ends that close it: HTTP/1.0, `close`, no framing."""
    method = draw(st.sampled_from([b"GET", b"POST", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS"]))
    closes = last and draw(st.booleans())
    old_client = closes and draw(st.booleans())
    return RawExchange(method, _request(draw, method, old_client), _response(draw, method, closes), closes)


CONNECTIONS: Final = st.integers(0, 5).flatmap(
    lambda before: st.tuples(*(exchanges(last=number == before) for number in range(before + 1)))
)
"""One to six exchanges for one connection, of which the client sends all at once."""


def _request(draw: st.DrawFn, method: bytes, old: bool) -> bytes:
    headers = [(b"Host", b"localhost:4360"), *draw(_HEADERS)]
    if draw(st.booleans()):
        headers.insert(draw(st.integers(0, len(headers))), (b"Accept-Encoding", draw(_ACCEPT_ENCODING)))
    if draw(st.integers(0, 4)) == 0:
        headers += [(b"Connection", b"X-Hop, keep-alive"), (b"X-Hop", b"1")]
    body = draw(_BODY) if method in (b"POST", b"PUT", b"PATCH", b"DELETE") else b""
    framings = ["length", "chunked"] if body and not old else ["length"] if body else ["none", "length"]
    body = _framed(draw, headers, body, draw(st.sampled_from(framings)))
    version = b"HTTP/1.0" if old else b"HTTP/1.1"
    return b"%s %s %s\r\n%s\r\n%s" % (method, draw(_TARGET).encode(), version, _lines(draw, headers), body)


def _response(draw: st.DrawFn, method: bytes, closes: bool) -> bytes:
    interim = b"".join(draw(st.lists(_INTERIM, max_size=2)))
    status = draw(_STATUS)
    headers = list(draw(_HEADERS))
    body = b"" if status[:3] == b"204" else draw(_BODY)
    framing = draw(st.sampled_from(["length", "chunked", *(["close"] if closes else [])]))
    if status[:3] == b"204":
        framing = "close"  # no framing at all
    elif closes and framing == "close" and draw(st.booleans()):
        headers.append((b"Connection", b"close"))
    framed = _framed(draw, headers, body, framing)
    bodiless = method == b"HEAD" or status[:3] in (b"204", b"304")
    version = b"HTTP/1.0" if closes and framing == "close" and draw(st.booleans()) else b"HTTP/1.1"
    head = b"%s %s\r\n%s\r\n" % (version, status, _lines(draw, headers, folds=True))
    return interim + head + (b"" if bodiless else framed)


def _framed(draw: st.DrawFn, headers: list[tuple[bytes, bytes]], body: bytes, framing: str) -> bytes:
    """The body on the wire. Adds the header that says how."""
    if framing == "length":
        headers.insert(draw(st.integers(0, len(headers))), (b"Content-Length", str(len(body)).encode()))
    elif framing == "chunked":
        headers.append((draw(st.sampled_from([b"Transfer-Encoding", b"transfer-encoding"])), b"chunked"))
        raw = b""
        for size in [*draw(_CHUNKS), len(body)]:
            if piece := body[:size]:
                raw += b"%x%s\r\n%s\r\n" % (len(piece), draw(_EXTENSION), piece)
            body = body[size:]
        return raw + b"0\r\n" + draw(_TRAILER) + b"\r\n"
    return body


def _lines(draw: st.DrawFn, headers: list[tuple[bytes, bytes]], *, folds: bool = False) -> bytes:
    lines = b""
    for name, value in headers:
        if folds and b" " in value and draw(st.booleans()):
            value = value.replace(b" ", b"\r\n ", 1)
        lines += b"%s:%s%s\r\n" % (name, draw(_SPACE), value)
    return lines


def read_request(peer: Peer) -> Message:
    """The next request, once it is whole."""
    head = peer.take_until(b"\r\n\r\n")
    return _read_body(peer, head, (), has_body=True, until_close=False)


def read_response(peer: Peer, exchange: RawExchange) -> Message:
    """The response of the exchange, once it is whole, with the interim ones before it."""
    interim: list[tuple[bytes, Headers]] = []
    while True:
        head = peer.take_until(b"\r\n\r\n")
        status = head.split(b" ", 2)[1][:3]
        if not status.startswith(b"1"):
            break
        interim.append(_head(head))
    has_body = exchange.method != b"HEAD" and status not in (b"204", b"304")
    response = _read_body(peer, head, tuple(interim), has_body=has_body, until_close=True)
    return replace(response, to_http10=exchange.is_http10)


def _read_body(
    peer: Peer, head: bytes, interim: tuple[tuple[bytes, Headers], ...], *, has_body: bool, until_close: bool
) -> Message:
    start, headers = _head(head)
    framing = {name.lower(): value for name, value in headers}
    body = b""
    trailers: Headers = ()
    if not has_body:
        pass
    elif framing.get(b"transfer-encoding") == b"chunked":
        body, trailers = _read_chunks(peer)
    elif b"content-length" in framing:
        body = peer.take(int(framing[b"content-length"]))
    elif until_close:
        body = peer.take_rest()
    return Message(start, headers, body, trailers, interim)


def _head(raw: bytes) -> tuple[bytes, Headers]:
    """First line and headers."""
    start, _, lines = raw[:-2].partition(b"\r\n")
    return start, _parsed(lines)


def _read_chunks(peer: Peer) -> tuple[bytes, Headers]:
    body = b""
    while size := int(peer.take_until(b"\r\n").partition(b";")[0], 16):
        body += peer.take(size)
        assert peer.take(2) == b"\r\n"
    lines = b""
    while (line := peer.take_until(b"\r\n")) != b"\r\n":
        lines += line
    return body, _parsed(lines)


def _parsed(lines: bytes) -> Headers:
    """Header lines, each ended by CRLF. A line that begins with white space continues the one before."""
    split = re.split(rb"\r\n(?![ \t])", lines)[:-1]
    return tuple((name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in split))
