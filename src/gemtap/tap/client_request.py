"""One request of a client, as HTTP/1 has it: its body while it arrives, and the answer to it."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol, Self

from starlette.types import Scope

from gemtap.capture.events import RawHeaders
from gemtap.tap.proxied import Proxied, Target

_HIGH_WATER: Final = 64 * 1024
"""Bytes of a request's body that wait for a slow upstream before reading from the client stops."""

_PHRASES: Final = {int(status): status.phrase.encode("ascii") for status in HTTPStatus}

_END_MAY_FOLLOW: Final = 0.1
"""Seconds for which an answer goes on without its client, in case that nothing but its end is missing."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


PROXIED: Final = "gemtap.proxied"
"""The ASGI extension that holds the `proxied` of a WebSocket's head."""


class ClientLeft(Exception):
    """The client went away while its request was being read."""


class ClientHead(NamedTuple):
    """The head of a request, or of a WebSocket's handshake, as the client sent it."""

    method: str
    path: bytes
    """Raw, without the query."""
    query: bytes
    """Raw, without the question mark."""
    http_version: str
    headers: RawHeaders
    """Names in lower case."""
    client: str | None
    """The client's address."""
    scheme: str
    """`http` or `https`."""
    local: tuple[str, int | None] | None
    """The tap's own address and port, which the client has connected to."""
    proxied: Proxied | None = None
    """Where the client asked the forward proxy to connect to; None for a base URL."""
    has_unsized_body: bool = False
    """HTTP/2 only: a body follows that no header tells the length of."""

    @classmethod
    def of_handshake(cls, scope: Scope) -> Self:
        """The head of a WebSocket's handshake, from its ASGI scope."""
        return cls(
            method="GET",
            path=scope["raw_path"],
            query=scope["query_string"],
            http_version=scope["http_version"],
            headers=scope["headers"],
            client=scope["client"][0] if scope["client"] else None,
            scheme=scope["scheme"],
            local=scope["server"],
            proxied=scope["extensions"].get(PROXIED),
        )


class Flow(Protocol):
    """Both directions of what a request came over, each of which may have to wait."""

    @property
    def write_paused(self) -> bool:
        """Whether the client takes no more for now."""

    async def drain(self) -> None:
        """Wait until it takes more."""

    def pause_reading(self) -> None:
        """Let it send no more for now."""

    def resume_reading(self) -> None:
        """Let it go on."""


class ClientConnection(Protocol):
    """The connection that a request came over, or the stream of one."""

    transport: asyncio.Transport

    @property
    def flow(self) -> Flow:
        """Who has to wait for whom."""

    lost: bool
    """The client has gone away. The exchange is cancelled then."""
    loop: asyncio.AbstractEventLoop

    def on_response_complete(self) -> None:
        """The request is answered: the next one may begin."""


class ClientRequest:
    """A request under way. The answer is written with `start` and `write`, until `more` is false."""

    def __init__(
        self, connection: ClientConnection, head: ClientHead, *, keep_alive: bool, expects_continue: bool
    ) -> None:
        """`keep_alive`: the connection may carry another request afterwards.

        `expects_continue`: the client waits for `100 Continue` before it sends the body.
        """
        self.connection = connection
        self.head = head
        self.keep_alive = keep_alive
        self.more_body = True
        """Whether more of the body follows what has arrived."""
        self.response_started = False
        self.response_complete = False
        self.passed_on_to: Target | None = None
        """The host of nobody's that the forward proxy passes it on to, unrecorded."""
        self._expects_continue = expects_continue
        self._arrived: list[bytes] = []
        self._arrived_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._is_chunked = False
        self._has_no_body = False

    # Called by the connection ------------------------------------------------

    def on_body(self, piece: bytes) -> None:
        """A piece of the body has arrived. After an early answer it is of no use."""
        if self.response_complete:
            return
        self._arrived.append(piece)
        self._arrived_bytes += len(piece)
        if self._arrived_bytes > _HIGH_WATER:
            self.connection.flow.pause_reading()
        self._wake()

    def on_body_complete(self) -> None:
        """All of the body has arrived."""
        self.more_body = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lose(self, running: asyncio.Task[None]) -> None:
        """The client has gone away: stop the exchange under way.

        Many clients hang up at the last event of a stream, just before the end of the body reaches them.
        """
        if self.response_started:
            self.connection.loop.call_later(_END_MAY_FOLLOW, running.cancel)
        else:
            running.cancel()

    # Called by the exchange --------------------------------------------------

    @property
    def has_arrived(self) -> bool:
        """Whether `read` has something to return, and need not wait for the client."""
        return bool(self._arrived) or not self.more_body

    async def read(self) -> tuple[bytes, bool]:
        """The next of the body, all that has arrived of it, and whether more follows. Raises ClientLeft."""
        if not self.has_arrived:
            await self._wait()
        self.check_client()
        pieces, self._arrived = self._arrived, []
        if self._arrived_bytes > _HIGH_WATER:
            self.connection.flow.resume_reading()
        self._arrived_bytes = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), self.more_body

    async def _wait(self) -> None:
        if self._expects_continue and not self.response_started:
            self._say_continue()
        self._expects_continue = False
        while not self.has_arrived and not self.connection.lost:
            self._waiter = self.connection.loop.create_future()
            await self._waiter

    def _say_continue(self) -> None:
        self.connection.transport.write(_CONTINUE)

    def interim(self, status: int, reason: bytes, headers: RawHeaders) -> None:
        """Pass on an interim answer, such as 103 Early Hints. HTTP/1.0 knows none."""
        if self.head.http_version != "1.0" and not self.response_started and not self.connection.lost:
            self.connection.transport.write(b"".join((*_head_lines(status, reason, headers), b"\r\n")))

    def composed(
        self, status: int, headers: RawHeaders, piece: bytes = b"", *, reason: bytes | None = None, more: bool
    ) -> list[bytes]:
        """The beginning of the answer for `start_composed`: the head, and what has arrived of the body.

        `more`: the rest follows.

        `reason` is the upstream's phrase; without one it is the usual one of the status. Raises ValueError if a header
        would not stay one.
        """
        lines = _head_lines(status, _PHRASES.get(status, b"") if reason is None else reason, headers)
        self._has_no_body = self.head.method == "HEAD" or status in (204, 304)
        is_framed = self._has_no_body or any(name == b"content-length" for name, _ in headers)
        # HTTP/1.0 knows no chunks: without a Content-Length, the body ends where the connection does.
        self._is_chunked = not is_framed and self.head.http_version != "1.0"
        if self._is_chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines):
            raise ValueError("a line break in a header")
        return [head, *self._framed(piece, more=more)]

    def start(
        self, status: int, headers: RawHeaders, piece: bytes = b"", *, reason: bytes | None = None, more: bool
    ) -> None:
        """Compose the beginning of the answer, and write it. Raises ValueError as `composed` does."""
        self.start_composed(self.composed(status, headers, piece, reason=reason, more=more), more=more)

    def start_composed(self, composed: list[bytes], *, more: bool) -> None:
        """Write what was `composed`."""
        self.response_started = True
        self._write(composed, more=more)

    @property
    def is_ready(self) -> bool:
        """Whether the client is there and takes more without being waited for."""
        return not self.connection.flow.write_paused and not self.connection.lost

    async def ready(self) -> None:
        """Wait until a slow client takes more."""
        if self.connection.flow.write_paused:
            await self.connection.flow.drain()

    def check_client(self) -> None:
        """Raises ClientLeft if the client has gone away, so that nothing more can reach it."""
        if self.connection.lost:
            raise ClientLeft

    def write(self, piece: bytes, *, more: bool) -> None:
        """Write some of the body; `more`: the rest follows."""
        self._write(self._framed(piece, more=more), more=more)

    def break_off(self) -> None:
        """Make sure that the client does not take the answer that is under way for a whole one.

        The connection of an answer that is left unfinished is closed, which breaks it for everyone but HTTP/1.0
        clients: to those, the end of the connection is the end of the body. Theirs is reset, once all is written.
        """
        if self.head.http_version == "1.0":
            client: socket.socket = self.connection.transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _framed(self, piece: bytes, *, more: bool) -> list[bytes]:
        if self._has_no_body:
            return []
        if not self._is_chunked:
            return [piece] if piece else []
        chunk = [b"%x\r\n" % len(piece), piece, b"\r\n"] if piece else []
        return chunk if more else [*chunk, b"0\r\n\r\n"]

    def _write(self, data: list[bytes], *, more: bool) -> None:
        if data and not self.connection.lost:
            # In one call: each by itself would be a system call, and wake the client.
            self.connection.transport.writelines(data)
        if not more:
            self.response_complete = True
            if not self.keep_alive:
                self.connection.transport.close()
            self.connection.on_response_complete()


def _head_lines(status: int, reason: bytes, headers: RawHeaders) -> list[bytes]:
    return [b"HTTP/1.1 %d %b\r\n" % (status, reason), *[b"%b: %b\r\n" % header for header in headers]]
