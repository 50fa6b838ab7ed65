"""A request through the tap differs from the same request sent directly only in the listed ways.

`as_forwarded` and `as_returned` list all permitted differences. Any other difference fails the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.peers import Peer, ScriptedUpstream
from tests.wire.running_tap import RunningTap

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"),
    *(b"trailer", b"transfer-encoding", b"upgrade"),
}
DECODABLE = {b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"identity"}


@dataclass(frozen=True)
class Seen:
    """A message as one side received it."""

    start: bytes
    headers: Headers
    body: bytes


def as_forwarded(sent: Seen, upstream: str) -> Seen:
    """A directly received request, changed into what the tap should forward."""
    method, target, _ = sent.start.split(b" ")
    if target.endswith(b"?") and target.count(b"?") == 1:
        target = target[:-1]  # an empty query is dropped
    dropped = HOP_BY_HOP | named_by_connection(sent.headers) | {b"host", b"expect"}
    headers = [(b"host", upstream.encode())]
    for name, value in sent.headers:
        if name == b"accept-encoding":
            kept = [each.strip() for each in value.split(b",") if each.split(b";")[0].strip().lower() in DECODABLE]
            value = b", ".join(kept) or b"identity"
        if name not in dropped:
            headers.append((name, value))
    framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in sent.headers)
    if not framed and method not in (b"GET", b"HEAD", b"OPTIONS"):
        headers.append((b"content-length", b"0"))  # RFC 9110, section 8.6, asks for it
    return Seen(method + b" " + target + b" HTTP/1.1", headers, sent.body)


def as_returned(answer: Seen) -> Seen:
    """A directly received response, changed into what the tap should return: without hop-by-hop headers."""
    dropped = HOP_BY_HOP | named_by_connection(answer.headers)
    headers = [(name, value) for name, value in answer.headers if name not in dropped]
    return Seen(answer.start, headers, answer.body)


def named_by_connection(headers: Headers) -> set[bytes]:
    return {token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")}


# What clients may send -------------------------------------------------------

SEGMENT = st.sampled_from(
    ["models", "x:generateContent", "a%2Fb", "%7e~", "a:b", "", "%E4%B8%AD", "x;y=1", "..%2f", "a@b", "!$'()*"]
)
QUERY = st.sampled_from(
    ["", "?", "?a=1", "?alt=sse&x=%2F%3d", "?a=b=c&&d", "?q=a+b%20c", "?a[]=1", "??x", "?%24alt=json%3Benum"]
)
TARGET = st.builds(
    lambda segments, query: "/v1beta/" + "/".join(segments) + query, st.lists(SEGMENT, min_size=1, max_size=4), QUERY
)
OTHERS = {
    *("content-length", "transfer-encoding", "host", "connection", "expect", "upgrade", "trailer"),  # framing: tap's
    *("authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key", "set-cookie", "proxy-authorization"),
    "accept-encoding",
}
"""Headers that other parts of this test, or other tests, cover."""
NAME = st.one_of(
    st.sampled_from(["X-Goog-Api-Client", "x-a", "X-A", "Accept", "User-Agent", "TE", "Keep-Alive", "_x"]),
    st.from_regex(r"\A[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}\Z"),
).filter(lambda name: name.lower() not in OTHERS)
VALUE = st.one_of(
    st.sampled_from([b"", b"text/event-stream", b"a, b ,c", b'"quoted, value"', "süß".encode(), b"a\tb", b"x" * 5000]),
    st.binary(max_size=30).map(lambda raw: re.sub(rb"[\x00-\x1f\x7f]", b"", raw).strip()),
)
HEADERS = st.lists(st.tuples(NAME.map(str.encode), VALUE), max_size=6)
ACCEPT_ENCODING = st.sampled_from(
    [b"gzip, deflate, br, zstd", b"br;q=1.0, gzip;q=0.8, *;q=0.1", b"compress", b"", b"identity", b"GZIP ,lzma"]
)
STATUS = st.sampled_from(
    [b"200 OK", b"201 Made", b"204 No", b"206 Part", b"304 Old", b"404 Gone fishing", b"429 S\xfcd down", b"503 "]
)
BODY = st.one_of(st.just(b""), st.binary(max_size=300), st.just(b'{"contents":[]}' * 5000))
CHUNKS = st.lists(st.integers(1, 4000), max_size=3)


@dataclass(frozen=True)
class Request:
    """The bytes of a request, and what is needed to read the response."""

    method: str
    raw: bytes


def chunked(body: bytes, sizes: list[int], trailer: bytes = b"") -> bytes:
    raw = b""
    for size in [*sizes, len(body)]:
        if body[:size]:
            raw += b"%x\r\n%s\r\n" % (len(body[:size]), body[:size])
        body = body[size:]
    return raw + b"0\r\n" + trailer + b"\r\n"


def lines(headers: Headers) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]))
    headers = [(b"Host", b"localhost:4360"), *draw(HEADERS)]
    if draw(st.booleans()):
        headers.insert(draw(st.integers(0, len(headers))), (b"Accept-Encoding", draw(ACCEPT_ENCODING)))
    if draw(st.booleans()):
        headers += [(b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1")]
    body = draw(BODY) if method in ("POST", "PUT", "PATCH", "DELETE") else b""
    framing = draw(st.sampled_from(["length", "chunked"])) if body else draw(st.sampled_from(["none", "length"]))
    if framing == "length":
        headers.append((b"Content-Length", str(len(body)).encode()))
    elif framing == "chunked":
        headers.append((b"Transfer-Encoding", b"chunked"))
        body = chunked(body, draw(CHUNKS), draw(st.sampled_from([b"", b"X-Trailer: t\r\n"])))
    target = draw(TARGET)
    return Request(method, f"{method} {target} HTTP/1.1\r\n".encode() + lines(headers) + b"\r\n" + body)


@st.composite
def answers(draw: st.DrawFn, method: str) -> bytes:
    """The bytes of a response on a connection that closes afterwards."""
    status = draw(STATUS)
    headers = [*draw(HEADERS), (b"Connection", b"close")]
    bodiless = method == "HEAD" or status[:3] in (b"204", b"304")
    body = draw(BODY)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if status[:3] == b"204":
        framing, body = "close", b""
    if framing == "length":
        headers.append((b"Content-Length", str(len(body)).encode()))
    elif framing == "chunked":
        headers.append((b"Transfer-Encoding", b"chunked"))
        body = chunked(body, draw(CHUNKS), draw(st.sampled_from([b"", b"X-Trailer: t\r\n"])))
    return b"HTTP/1.1 " + status + b"\r\n" + lines(headers) + b"\r\n" + (b"" if bodiless else body)


def read_answer(client: Peer, method: str) -> Seen:
    head = client.take_head()
    if method == "HEAD" or head.status in (204, 304):
        body = b""
    elif head.value(b"transfer-encoding"):
        body = client.take_chunks()
    elif (length := head.value(b"content-length")) is not None:
        body = client.take(int(length))
    else:
        body = client.take_rest()
    return Seen(head.first.encode("latin-1"), head.headers, body)


def exchange(port: int, upstream: ScriptedUpstream, request: Request, answer: bytes) -> tuple[Seen, Seen]:
    """Run an exchange. Returns what the upstream and the client received."""
    with Peer.to(port) as client:
        client.send(request.raw)
        with upstream.accept() as peer:
            head, body = peer.take_request()
            peer.send(answer)
            peer.finish()
            return Seen(head.first.encode("latin-1"), head.headers, body), read_answer(client, request.method)


@pytest.fixture(scope="module")
def ends(module_tap: RunningTap, module_upstream: ScriptedUpstream) -> tuple[RunningTap, ScriptedUpstream]:
    return module_tap, module_upstream


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_differs_but_what_is_listed(ends: tuple[RunningTap, ScriptedUpstream], data: st.DataObject) -> None:
    """Generated exchanges differ from direct ones only in the listed ways."""
    tap, upstream = ends
    request = data.draw(requests())
    answer = data.draw(answers(request.method))
    sent, got = exchange(upstream.port, upstream, request, answer)
    forwarded, returned = exchange(tap.port, upstream, request, answer)

    assert forwarded == framed_alike(forwarded, as_forwarded(sent, f"127.0.0.1:{upstream.port}"))
    ours = (b"x-gemtap-id", b"transfer-encoding", b"connection")
    kept = [header for header in returned.headers if header[0] not in ours]
    assert Seen(returned.start, kept, returned.body) == as_returned(got)


def framed_alike(forwarded: Seen, expected: Seen) -> Seen:
    """With the `Transfer-Encoding` of the tap's upstream connection if the body is forwarded in chunks."""
    framing = [header for header in forwarded.headers if header[0] == b"transfer-encoding"]
    return Seen(expected.start, [*expected.headers, *framing], expected.body)
