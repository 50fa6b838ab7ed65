"""One connection to an upstream: a request written, its answer read as it arrives."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Hashable
from typing import Protocol

from gemtap.tap.response import OnInterim, UpstreamResponse, UpstreamSilent


class Owner(Protocol):
    """What keeps connections for the next request."""

    def put_back(self, connection: UpstreamConnection) -> None:
        """The connection may carry another request."""

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is gone."""


class Body(Protocol):
    """A request's body that is still arriving."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces, none of them empty."""


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one exchange after the other."""

    def __init__(self, silence: float, owner: Owner, way: Hashable) -> None:
        """`silence`: seconds without a byte either way after which an exchange fails with UpstreamSilent.

        `way` identifies the destination for the owner.
        """
        self.way = way
        self.transport: asyncio.Transport
        """What it writes to; another one from where TLS begins inside the tunnel of a proxy."""
        self.idle_since = 0.0
        """When the last exchange ended, on the loop's clock."""
        self._silence = silence
        self._owner = owner
        self.loop = asyncio.get_running_loop()
        self._response: UpstreamResponse | None = None
        self._writer: asyncio.Task[None] | None = None
        self._lost = False
        self._resumed: asyncio.Future[None] | None = None
        self._heard = 0.0
        """When a byte last went either way."""
        self._timer: asyncio.TimerHandle | None = None
        self._poll = select.poll()

    # Called by the pool ------------------------------------------------------

    def is_usable(self) -> bool:
        """Whether it seems open: the peer's FIN may have arrived without having been read yet."""
        return not self._lost and not self.transport.is_closing() and not self._poll.poll(0)

    def send(
        self,
        head: bytes,
        body: bytes | Body | None,
        *,
        method: bytes,
        chunked: bool,
        on_interim: OnInterim | None = None,
    ) -> UpstreamResponse:
        """Write a request. A body that is still arriving is written as it arrives."""
        response = self._response = UpstreamResponse(self, method, on_interim)
        self._heard = self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(self._silence, self._check_silence)
        if isinstance(body, bytes):
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)
        if body is not None and not isinstance(body, bytes):
            self._writer = self.loop.create_task(self._write(body, chunked, response))
        return response

    def close(self) -> None:
        """Close it, as the end of what was to be said."""
        if not self._lost:
            self.transport.close()

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        if not self._lost:
            self.transport.abort()

    # Called by a response ----------------------------------------------------

    def resume_reading(self) -> None:
        """The client has taken what was waiting."""
        self._heard = self.loop.time()
        if not self._lost:
            self.transport.resume_reading()

    def let_go(self, response: UpstreamResponse) -> None:
        """The exchange is over for the client."""
        if self._response is response:
            self._stop_writing()
            self._response = None
            self.abort()

    # Called by the event loop ------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """The connection is there."""
        self.transport = transport
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Something of an answer, or nothing that was asked for."""
        response = self._response
        if response is None:
            self.abort()
            return
        self._heard = self.loop.time()
        all_of_it = response.feed(data)
        if response.complete:
            self._finish(response, reusable=all_of_it)
        elif response.is_paused:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        if self._response is not None:
            self._response.end(exc)
            self._stop_writing()
            self._response = None
        self._owner.forget(self)

    def pause_writing(self) -> None:
        """The upstream takes no more for now."""
        self._resumed = self.loop.create_future()

    def resume_writing(self) -> None:
        """The upstream takes more again."""
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None

    async def _write(self, body: Body, chunked: bool, response: UpstreamResponse) -> None:
        try:
            async for piece in body:
                if self._lost:
                    return
                if chunked:
                    self.transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
                else:
                    self.transport.write(piece)
                if self._resumed is not None:
                    await self._resumed
                self._heard = self.loop.time()
            if chunked and not self._lost:
                self.transport.write(b"0\r\n\r\n")
        except Exception as exc:
            # The client's side failed: pass the error to the reader of the response.
            response.fail(exc)
        else:
            self._writer = None

    def _finish(self, response: UpstreamResponse, *, reusable: bool) -> None:
        """The answer is whole: the connection is free, unless its request still comes."""
        written = self._writer is None
        self._stop_writing()
        self._response = None
        if response.opens_tunnel:
            return
        if reusable and written and response.keeps_connection and not self.transport.is_closing():
            self.idle_since = self.loop.time()
            self._owner.put_back(self)
        elif written:
            self.close()
        else:
            self.abort()

    def _stop_writing(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None

    def _check_silence(self) -> None:
        self._timer = None
        response = self._response
        if response is None:
            return
        now = self.loop.time()
        if response.is_paused or (self._writer is not None and self._resumed is None):
            # It is the client that is slow, in taking the answer or in sending the request.
            self._heard = now
        if (left := self._heard + self._silence - now) <= 0:
            response.fail(UpstreamSilent())
            self.let_go(response)
        else:
            self._timer = self.loop.call_later(left, self._check_silence)
