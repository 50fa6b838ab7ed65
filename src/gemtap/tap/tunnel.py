"""A blind tunnel: two connections whose bytes are copied both ways, and neither read nor kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from gemtap.tap.dialling import CannotConnect, Endpoint, connect

_IDLE: Final = 2.0
"""Seconds without a byte after which a tunnel is closed at once when Gemtap ends."""

_LONGEST_HEAD: Final = 64 * 1024
"""Bytes of the answer of an outgoing proxy."""


class TunnelSide(asyncio.Protocol):
    """One of the two connections. Until it is joined with the other, it keeps what arrives."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.closed = asyncio.get_running_loop().create_future()
        """Done when the connection is gone."""
        self.copied = 0
        """Bytes that came from this side."""
        self._other: TunnelSide | None = None
        self._early = bytearray()
        self._at_end = False
        self._arrived = asyncio.Event()

    def join(self, other: TunnelSide) -> None:
        """Copy from here to the other side, from what arrived before on."""
        self._other = other
        if self._early:
            self._copy(bytes(self._early))
            self._early.clear()
        if self.closed.done():
            other.transport.close()
            return
        self.transport.resume_reading()
        if self._at_end:
            self._end_other()

    async def take_head(self) -> bytes:
        """Take an HTTP head that arrives before anything else. Raises CannotConnect."""
        while (end := self._early.find(b"\r\n\r\n")) < 0:
            if self.closed.done() or self._at_end or len(self._early) > _LONGEST_HEAD:
                raise CannotConnect("the proxy gave no answer")
            self._arrived.clear()
            await self._arrived.wait()
        head = bytes(self._early[:end])
        del self._early[: end + 4]
        return head

    def abort(self) -> None:
        """Close it at once."""
        self.transport.abort()

    # Called by the event loop ------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """The connection is there."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes for the other side."""
        if self._other is not None:
            self._copy(data)
            return
        self._early += data
        if len(self._early) > _LONGEST_HEAD:
            self.transport.pause_reading()
        self._arrived.set()

    def _copy(self, data: bytes) -> None:
        assert self._other is not None
        self.copied += len(data)
        self._other.transport.write(data)

    def eof_received(self) -> bool:
        """This side sends no more, and may still want to read."""
        self._at_end = True
        self._arrived.set()
        if self._other is None:
            return True
        self._end_other()
        # TLS knows no connection that is closed on one side alone.
        return not self._other._at_end and self.transport.can_write_eof()

    def _end_other(self) -> None:
        assert self._other is not None
        other = self._other.transport
        if other.can_write_eof() and not other.is_closing():
            other.write_eof()
        else:
            other.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: so is the tunnel, once what was copied has been sent."""
        if not self.closed.done():
            self.closed.set_result(None)
        self._arrived.set()
        if self._other is not None:
            if exc is None:
                self._other.transport.close()
            else:
                self._other.transport.abort()

    def pause_writing(self) -> None:
        """This side takes no more for now."""
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This side takes more again."""
        if self._other is not None and not self._other.closed.done():
            self._other.transport.resume_reading()


class Tunnel:
    """A tunnel as uvicorn knows connections."""

    def __init__(self, near: TunnelSide, far: TunnelSide) -> None:
        self._sides = (near, far)
        self._loop = asyncio.get_running_loop()

    def shutdown(self) -> None:
        """Gemtap ends: close the tunnel once nothing passes any more. The grace period bounds it."""
        before = [side.copied for side in self._sides]

        def look() -> None:
            if [side.copied for side in self._sides] != before:
                self.shutdown()
                return
            for side in self._sides:
                side.transport.close()

        self._loop.call_later(_IDLE, look)


async def open_tunnel(
    upstream: Endpoint, proxy: Endpoint | None, tls: Callable[[], ssl.SSLContext], admits: Callable[[str], bool] | None
) -> TunnelSide:
    """The far side of a tunnel, through an outgoing proxy if there is one; `admits`: see `dialling.connect`.

    Raises CannotConnect; the caller bounds the time.
    """
    if proxy is None:
        return await connect(upstream, None, TunnelSide, admits=admits)
    side = await connect(proxy, tls() if proxy.scheme == "https" else None, TunnelSide)
    try:
        lines = [b"CONNECT %s HTTP/1.1" % upstream.authority, b"host: " + upstream.authority]
        if proxy.authorization is not None:
            lines.append(b"proxy-authorization: " + proxy.authorization)
        side.transport.write(b"\r\n".join([*lines, b"", b""]))
        status = (await side.take_head()).split(b"\r\n")[0].split(b" ")[1:2]
        if not status or not status[0].startswith(b"2"):
            raise CannotConnect(f"the proxy answered {b''.join(status).decode('latin-1')[:20] or 'no HTTP'}")
    except BaseException:
        side.abort()
        raise
    return side
