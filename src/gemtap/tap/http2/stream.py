"""One stream: a request of a client over HTTP/2, and the answer to it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from gemtap.capture.events import RawHeaders
from gemtap.tap.client_request import ClientHead, ClientRequest
from gemtap.tap.http2.fields import to_fields

_HIGH_WATER: Final = 64 * 1024
"""Bytes of an answer that wait for a slow client before reading from the upstream stops."""


class Carrier(Protocol):
    """The connection of a stream."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    write_paused: bool

    def send_head(self, stream: Stream, fields: RawHeaders, *, ends: bool) -> None:
        """Send the head of an answer, or of an interim one; `ends`: nothing follows."""

    def send_body(self, stream: Stream) -> None:
        """Send what waits in a stream, as far as the client takes it."""

    def give_window(self, stream: Stream, amount: int) -> None:
        """Let the client send so many more bytes in a stream."""

    def reset(self, stream: Stream) -> None:
        """Break a stream off."""

    def on_response_complete(self) -> None:
        """A request is answered."""


class Stream:
    """What a request takes for its connection: its own flow, and whether the client is still there for it."""

    def __init__(self, carrier: Carrier, number: int, length: int | None) -> None:
        """`length`: the request's Content-Length."""
        self.number = number
        self.missing = length
        """Bytes of the request's body that have not arrived; None if nobody knows."""
        self.loop = carrier.loop
        self.transport = carrier.transport
        self.flow = self
        self.lost = False
        """The client has cancelled the request, or is gone."""
        self.running: asyncio.Task[None] | None = None
        """The exchange under way, once it has begun."""
        self.is_running = False
        """Whether the exchange has a task, which may be about to begin."""
        self.ends = False
        """Nothing follows what waits."""
        self.end_sent = False
        """All of the answer is sent."""
        self.unread = 0
        """Bytes of the body that the client may send again once they are read."""
        self._carrier = carrier
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writable: asyncio.Future[None] | None = None

    def lose(self) -> None:
        """The client wants no more of it."""
        self.lost = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self.wake()

    # The request's body: the stream's window does what pausing the transport does in HTTP/1 ---

    def pause_reading(self) -> None:
        """Bytes that are not read are not acknowledged: the client stops by itself."""

    def resume_reading(self) -> None:
        """See `read` of the request."""

    def was_read(self) -> None:
        """All of the body that has arrived is on its way."""
        if self.unread and not self.lost:
            self._carrier.give_window(self, self.unread)
        self.unread = 0

    # The answer's body -------------------------------------------------------

    @property
    def write_paused(self) -> bool:
        """Whether the client has to take something before more is read from the upstream."""
        return self._waiting_bytes > _HIGH_WATER or self._carrier.write_paused

    async def drain(self) -> None:
        """Wait until the client takes more."""
        while self.write_paused and not self.lost:
            self._writable = self.loop.create_future()
            await self._writable

    def wake(self) -> None:
        """It may be that the client takes more."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    @property
    def has_waiting(self) -> bool:
        """Whether some of the body waits."""
        return bool(self._waiting)

    def put(self, piece: bytes) -> None:
        """Let a piece wait for its turn."""
        if piece:
            self._waiting.append(piece)
            self._waiting_bytes += len(piece)

    def take(self, most: int) -> bytes:
        """The next bytes of what waits; nothing if nothing does."""
        if not self._waiting:
            return b""
        piece = self._waiting.popleft()
        if len(piece) > most:
            self._waiting.appendleft(piece[most:])
            piece = piece[:most]
        self._waiting_bytes -= len(piece)
        return piece

    def on_response_complete(self) -> None:
        """The request is answered."""
        self._carrier.on_response_complete()


class Http2Request(ClientRequest):
    """A request over HTTP/2. Whatever is written goes to its stream."""

    def __init__(self, carrier: Carrier, stream: Stream, head: ClientHead, *, expects_continue: bool) -> None:
        super().__init__(stream, head, keep_alive=True, expects_continue=expects_continue)
        self.stream = stream
        self._carrier = carrier
        self._fields: RawHeaders = []

    async def read(self) -> tuple[bytes, bool]:
        """The next of the body, all that has arrived of it, and whether more follows. Raises ClientLeft."""
        piece, more = await super().read()
        self.stream.was_read()
        return piece, more

    def interim(self, status: int, reason: bytes, headers: RawHeaders) -> None:
        """Pass on an interim answer, such as 103 Early Hints."""
        if not self.response_started and not self.stream.lost:
            self._carrier.send_head(self.stream, to_fields(status, headers), ends=False)
            self._carrier.send_body(self.stream)

    def composed(
        self, status: int, headers: RawHeaders, piece: bytes = b"", *, reason: bytes | None = None, more: bool
    ) -> list[bytes]:
        """What `start_composed` sends of the body, after the head. HTTP/2 has no reason phrases. Raises ValueError."""
        self._has_no_body = self.head.method == "HEAD" or status in (204, 304)
        # Heads are compressed in the order in which they are sent, so that this one cannot be composed before.
        self._fields = to_fields(status, headers)
        return [piece] if piece and not self._has_no_body else []

    def start_composed(self, composed: list[bytes], *, more: bool) -> None:
        """Send what was `composed`."""
        self.response_started = True
        if not self.stream.lost:
            self._carrier.send_head(self.stream, self._fields, ends=not more and not composed)
        self._write(composed, more=more)

    def break_off(self) -> None:
        """Make sure that the client does not take the answer that is under way for a whole one."""
        self._carrier.reset(self.stream)

    def _framed(self, piece: bytes, *, more: bool) -> list[bytes]:
        return [piece] if piece and not self._has_no_body else []

    def _write(self, data: list[bytes], *, more: bool) -> None:
        stream = self.stream
        if not stream.lost:
            for piece in data:
                stream.put(piece)
            stream.ends = not more
            self._carrier.send_body(stream)
        if not more:
            self.response_complete = True
            stream.on_response_complete()

    def _say_continue(self) -> None:
        self.interim(100, b"", [])
