"""The upstream side: requests sent as the client sent them, over connections that are kept for the next request."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from functools import lru_cache
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from gemtap.addresses import host_header
from gemtap.capture.events import RawHeaders
from gemtap.environment_proxy import BadProxy
from gemtap.tap.connection import UpstreamConnection
from gemtap.tap.dialling import CannotConnect, Endpoint, NotAdmitted, dial
from gemtap.tap.errors import (
    ExchangeFault,
    bad_proxy,
    upstream_disconnected,
    upstream_timeout,
    upstream_unreachable,
)
from gemtap.tap.proxy_errors import private_target
from gemtap.tap.response import ConnectionBroke, OnInterim, UpstreamResponse, UpstreamSilent

KEEP_IDLE: Final = 60.0
"""Seconds for which a connection without a request is kept."""

_NO_BODY_EXPECTED: Final = (b"GET", b"HEAD", b"OPTIONS")

_NOT_IN_A_TARGET: Final = re.compile(rb"[\x00-\x20\x7f]")

BROKEN: Final = (ConnectionBroke, UpstreamSilent)
"""What reading an answer raises where the upstream fails."""


def proxy_for(upstream: str, proxy_of: Callable[[str], str | None]) -> str | None:
    """The URL of the proxy through which an upstream is reached, by `proxy_of`. Raises ExchangeFault."""
    try:
        return proxy_of(upstream)
    except BadProxy as exc:
        raise bad_proxy(upstream, str(exc)) from exc


@asynccontextmanager
async def connecting(upstream: str, seconds: float) -> AsyncIterator[None]:
    """Connect inside of this, within so many seconds. What `dialling` raises becomes an ExchangeFault."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as exc:
        raise upstream_unreachable(upstream, "the connection did not come about in time") from exc
    except NotAdmitted as exc:
        raise private_target(str(exc)) from exc
    except CannotConnect as exc:
        raise upstream_unreachable(upstream, str(exc)) from exc


class RequestBody:
    """The client's body, chunk by chunk as it arrives."""

    def __init__(self, read: Callable[[], Awaitable[tuple[bytes, bool]]]) -> None:
        """`read` returns the next chunk, and whether more follow."""
        self._read = read
        self._first = b""
        self._complete = False
        self.arrived = 0
        """Bytes that have arrived before the body is passed on."""

    async def whole(self) -> bytes | None:
        """The body if a single piece is all of it, as with most requests; else None, and it is there to iterate."""
        self._first, more = await self._read()
        self._complete = not more
        self.arrived = len(self._first)
        return self._first if self._complete else None

    async def hold(self, most: int) -> bytes | None:
        """The body once all of it has arrived; None if it is larger than `most`, and it is there to iterate."""
        pieces = [self._first]
        while not self._complete and self.arrived <= most:
            piece, more = await self._read()
            pieces.append(piece)
            self._complete = not more
            self.arrived += len(piece)
        self._first = b"".join(pieces)
        return self._first if self._complete and self.arrived <= most else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, none of them empty."""
        first, self._first = self._first, b""
        if first:
            yield first
        while not self._complete:
            piece, more = await self._read()
            self._complete = not more
            if piece:
                yield piece


class _Way(NamedTuple):
    """How an upstream is reached."""

    upstream: Endpoint
    proxy: Endpoint | None
    before: bytes
    """Prefix of the target: the path of the upstream's URL, or for a plain proxy the whole URL."""
    headers: bytes
    """Lines that are added to the head."""


class Upstreams:
    """Connections to every upstream. Use as an async context manager."""

    def __init__(
        self,
        *,
        connect_timeout: float,
        silence_timeout: float,
        proxy_of: Callable[[str], str | None],
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        """`proxy_of` gives the URL of the proxy through which an upstream is reached, if it is; raises BadProxy.

        `admits` says which addresses may be connected to; None admits all.
        """
        self._admits = admits
        self._connect_timeout = connect_timeout
        self._silence_timeout = silence_timeout
        self._proxy_of = proxy_of
        # There are as many upstreams as locations of Vertex AI, and clients name those.
        self._way_to = lru_cache(maxsize=256)(self._find_way_to)
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])

    async def __aenter__(self) -> Self:
        self._pool = _Pool()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def send(
        self,
        upstream: str,
        method: str,
        target: bytes,
        headers: RawHeaders,
        body: bytes | RequestBody | None,
        *,
        on_interim: OnInterim | None = None,
    ) -> UpstreamResponse:
        """Send a request and return when the answer's head is here. Raises ExchangeFault.

        `target` is the raw path and query. A body of bytes is sent as it is, a RequestBody as it arrives: in chunks
        unless the headers tell its length. `on_interim` is called with each interim answer, such as 103 Early Hints.
        """
        verb = method.encode("ascii")
        way = self._way_to(upstream)
        chunked = isinstance(body, RequestBody) and all(name != b"content-length" for name, _ in headers)
        length = None if isinstance(body, RequestBody) else len(body or b"")
        head = _head(verb, way.before + target, headers, way.headers, length=length, chunked=chunked)
        try:
            connection = self._pool.take(way)
            if connection is not None:
                try:
                    return await _exchange(connection, verb, head, body, on_interim, chunked=chunked)
                except ConnectionBroke as exc:
                    # RFC 9110, section 9.2.2: what is not safe may have been worked on, and billed.
                    if exc.answered or body is not None or verb not in _NO_BODY_EXPECTED:
                        raise
            connection = await self._dial(upstream, way)
            return await _exchange(connection, verb, head, body, on_interim, chunked=chunked)
        except BROKEN as exc:
            raise self.fault(upstream, exc) from exc

    async def _dial(self, upstream: str, way: _Way) -> UpstreamConnection:
        async with connecting(upstream, self._connect_timeout):
            return await dial(
                way.upstream,
                way.proxy,
                self._tls,
                lambda: UpstreamConnection(self._silence_timeout, self._pool, way),
                self._admits,
            )

    def fault(self, upstream: str, exc: Exception) -> ExchangeFault:
        """What broke a request or an answer that was under way."""
        if isinstance(exc, UpstreamSilent):
            return upstream_timeout(upstream, self._silence_timeout)
        return upstream_disconnected(upstream, str(exc))

    def _find_way_to(self, upstream: str) -> _Way:
        proxy_url = proxy_for(upstream, self._proxy_of)
        endpoint = Endpoint.of(upstream)
        proxy = Endpoint.of(proxy_url) if proxy_url is not None else None
        before, lines = urlsplit(upstream).path.encode("latin-1"), b""
        if endpoint.authorization is not None:
            lines += b"authorization: %s\r\n" % endpoint.authorization
        if proxy is not None and endpoint.scheme == "http":
            before = b"http://" + host_header(upstream) + before
            if proxy.authorization is not None:
                lines += b"proxy-authorization: %s\r\n" % proxy.authorization
        return _Way(endpoint, proxy, before, lines)


async def _exchange(
    connection: UpstreamConnection,
    method: bytes,
    head: bytes,
    body: bytes | RequestBody | None,
    on_interim: OnInterim | None,
    *,
    chunked: bool,
) -> UpstreamResponse:
    response = connection.send(head, body, method=method, chunked=chunked, on_interim=on_interim)
    try:
        await response.head()
    except BaseException:
        response.close()
        raise
    return response


def _head(
    method: bytes, target: bytes, headers: RawHeaders, added: bytes, *, length: int | None, chunked: bool
) -> bytes:
    """The request's head, for the wire. Raises ValueError for headers that would not stay what they are.

    `length` is that of the body, if it is known and the headers lack it.
    """
    target = _NOT_IN_A_TARGET.sub(lambda found: b"%%%02X" % found[0][0], target)
    lines = [b"%s %s HTTP/1.1\r\n" % (method, target)]
    framed = False
    for name, value in headers:
        framed = framed or name == b"content-length"
        lines.append(b"%s: %s\r\n" % (name, value))
    if chunked:
        lines.append(b"transfer-encoding: chunked\r\n")
    elif not framed and (length or method not in _NO_BODY_EXPECTED):
        # RFC 9110, section 8.6, also requires a Content-Length of 0.
        lines.append(b"content-length: %d\r\n" % (length or 0))
    head = b"".join((*lines, added, b"\r\n"))
    if head.count(b"\n") != len(lines) + added.count(b"\n") + 1:
        raise ValueError("a line break in a header")
    return head


class _Pool:
    """Connections that wait for their next request, those used last first."""

    def __init__(self) -> None:
        self._idle: dict[Hashable, list[UpstreamConnection]] = {}
        self._loop = asyncio.get_running_loop()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, way: _Way) -> UpstreamConnection | None:
        """A connection that seems open."""
        idle = self._idle.get(way, [])
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def put_back(self, connection: UpstreamConnection) -> None:
        """Keep it for the next request."""
        if self._closed:
            connection.close()
            return
        self._idle.setdefault(connection.way, []).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEP_IDLE, self._close_old)

    def forget(self, connection: UpstreamConnection) -> None:
        """It is gone."""
        idle = self._idle.get(connection.way, [])
        if connection in idle:
            idle.remove(connection)

    async def close(self) -> None:
        """Close those that wait, and let their goodbyes go out."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for idle in self._idle.values():
            for connection in list(idle):
                connection.close()
        await asyncio.sleep(0)

    def _close_old(self) -> None:
        now = self._loop.time()
        for way, idle in list(self._idle.items()):
            for connection in [each for each in idle if now - each.idle_since >= KEEP_IDLE]:
                connection.close()
                idle.remove(connection)
            if not idle:
                del self._idle[way]
        oldest = min((each.idle_since for idle in self._idle.values() for each in idle), default=None)
        self._sweep = (
            self._loop.call_later(max(oldest + KEEP_IDLE - now, 1.0), self._close_old) if oldest is not None else None
        )
