"""The connection to a client: uvicorn's httptools protocol with limits and fixes.

uvicorn alone accepts a request head of any size and waits for it for ever, answers HTTP/1.0 clients chunked, raises on
a 304 that tells a Content-Length, drops the body of a request that offers an upgrade other than to WebSocket, and hangs
up on a client that has only closed its sending side.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gemtap.tap.errors import answer
from gemtap.tap.half_closed import still_reads

MAX_HEAD: Final = 256 * 1024
"""Bytes of a request's line and headers."""

HEAD_TIMEOUT: Final = 10.0
"""Seconds from the first byte of a request's head to its last."""

CONNECTION: Final = "gemtap.connection"
"""The ASGI extension under which an exchange finds the connection it came over."""

CYCLE: Final = "gemtap.cycle"
"""The ASGI extension under which an exchange finds uvicorn's state of it."""

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether a client that has closed its sending side is still there."""

_UNBOUNDED: Final = 2**63


class Joining:
    """A transport that can put several writes together: each by itself is a system call, and wakes the client."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write, now or when what is held is released."""
        if self._held is not None:
            self._held.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close, once all is written."""
        self.release()
        self._transport.close()

    def hold(self) -> None:
        """Keep what is written until `release`."""
        self._held = []

    def release(self) -> None:
        """Write what is held in one piece."""
        held, self._held = self._held, None
        if held:
            self._transport.write(b"".join(held))


class TapProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_lost: Callable[[], object] | None = None
        """Called once when the client leaves. The running exchange sets it."""
        self.lost = False
        """The client has gone away."""
        self._head_bytes: int | None = 0
        """How much of a request's head has arrived; None while a body is being received."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._offers_upgrade = False
        """The request that arrives offers to change the protocol, which is not taken up."""
        self._half_closed: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's is
        """The client is here."""
        super().connection_made(transport)
        self.joining = Joining(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away, or was sent away."""
        super().connection_lost(exc)
        self.lost = True
        self._stop_head_timer()
        if self._half_closed is not None:
            self._half_closed.cancel()
        if self.on_lost is not None:
            self.on_lost()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's protocols return what keeps it open
        """The client sends no more. It is answered if it has asked for something and is still there."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or self.scheme == "https":
            return None
        if not still_reads(self._socket):
            return None
        # uvicorn closes the connection after this answer.
        cycle.keep_alive = False
        self._half_closed = self.loop.call_later(_LOOK_EVERY, self._look_after_half_closed)
        return True

    def _look_after_half_closed(self) -> None:
        if still_reads(self._socket):
            self._half_closed = self.loop.call_later(_LOOK_EVERY, self._look_after_half_closed)
        else:
            self.transport.abort()

    @property
    def _socket(self) -> socket.socket:
        connection: socket.socket = self.transport.get_extra_info("socket")
        return connection

    def data_received(self, data: bytes) -> None:
        """Count the head's bytes before they are parsed, so that its size has a bound."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        self._parse(data)
        # What is left after parsing is all head: on_headers_complete would have ended the count.
        if self._head_bytes:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._head_timed_out)
            if self._head_bytes > MAX_HEAD:
                self._refuse(431, "INVALID_ARGUMENT", f"The request's head is larger than {MAX_HEAD // 1024} KB.")

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._go_on_without_upgrade(data[exc.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the body of a request whose offer of an upgrade is ignored, as RFC 9110, section 7.8, has it.

        The parser stops after the head, as if another protocol followed: another one is told how the body is framed.
        """
        framing = [
            name + b": " + value + b"\r\n"
            for name, value in self.scope["headers"]
            if name in (b"content-length", b"transfer-encoding")
        ]
        self._offers_upgrade = False
        self.headers = []
        self.parser = httptools.HttpRequestParser(_AfterHead(self))
        self._parse(b"".join((b"POST / HTTP/1.1\r\n", *framing, b"\r\n", rest)))

    def on_message_begin(self) -> None:
        """Make this connection available to the exchange."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_bytes = None
        self._stop_head_timer()
        super().on_headers_complete()
        self._offers_upgrade = self.parser.should_upgrade()
        if not self._offers_upgrade:
            # uvicorn would add the trailers to the list of headers that the exchange has.
            self.headers = []

    def on_message_complete(self) -> None:
        """The body is whole: what follows is the next request's head."""
        if self._offers_upgrade:
            # It is not: the parser takes the end of the head for it.
            return
        self._head_bytes = 0
        super().on_message_complete()

    def break_off(self) -> None:
        """Make sure that the client does not take the answer that is under way for a whole one.

        uvicorn closes the connection of an answer that is left unfinished, which breaks it for everyone but HTTP/1.0
        clients: to those, the end of the connection is the end of the body. Theirs is reset, once all is written.
        """
        if self.scope["http_version"] == "1.0":
            client: socket.socket = self.transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send_400_response(self, msg: str) -> None:
        """Tell a client whose request cannot be parsed, in the shape that it understands."""
        self._refuse(400, "INVALID_ARGUMENT", f"{msg} Gemtap takes HTTP/1.1 requests on this port.")

    def _head_timed_out(self) -> None:
        self._refuse(408, "DEADLINE_EXCEEDED", f"The request's head was not whole after {HEAD_TIMEOUT:g} s.")

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        if self.transport.is_closing():
            return
        # In the middle of an answer to an earlier request a second head would only garble it.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            headers, body = answer(status, code, message)
            lines = [name + b": " + value + b"\r\n" for name, value in [*headers, (b"connection", b"close")]]
            self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.scope["extensions"][CYCLE] = cycle  # type: ignore[assignment]
        cycle.transport = self.joining  # type: ignore[assignment]  # all of a transport that a cycle uses
        super()._start_asgi_task(cycle, _for_http10(app, cycle) if cycle.scope["http_version"] == "1.0" else app)


class _AfterHead:
    """A connection whose parser is told a head that it has had before: what follows the head is passed on."""

    def __init__(self, connection: TapProtocol) -> None:
        self._connection = connection
        self._is_past_head = False
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if self._is_past_head:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_past_head:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_past_head:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_past_head:
            self._connection.on_headers_complete()
        self._is_past_head = True


class SessionProtocol(WebSocketsSansIOProtocol):
    """One WebSocket of a client."""

    def handle_connect(self, event: Request) -> None:
        """Make this connection available to the session."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The application's task has not begun yet.
            self.scope["extensions"][CONNECTION] = self  # type: ignore[assignment]

    def shutdown(self) -> None:
        """Let the session continue. uvicorn would end it at once; it gets the same grace period as other exchanges."""


def _for_http10(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """The application, its answers framed right for HTTP/1.0 clients."""

    async def framed(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        close_delimited = False

        async def send_framed(event: ASGISendEvent) -> None:
            nonlocal close_delimited
            if event["type"] == "http.response.start":
                # HTTP/1.0 knows no chunks: without a Content-Length the body ends where the connection does.
                close_delimited = all(name != b"content-length" for name, _ in event["headers"])
                if close_delimited:
                    cycle.chunked_encoding = False
                    cycle.expected_content_length = _UNBOUNDED
            elif close_delimited and event["type"] == "http.response.body" and not event["more_body"]:
                cycle.expected_content_length = len(event["body"])
            await send(event)

        await app(scope, receive, send_framed)

    return framed
