"""The connection to a client: uvicorn's httptools protocol, with a short way for requests that are forwarded.

uvicorn reads the requests. Those for the tap's own few paths, and handshakes of WebSockets, are its own from there on,
as ASGI requests. Everything else goes to the forwarder as a `ClientRequest`, without ASGI: its messages and layers
would be half of what the tap adds to a request, and know neither reason phrases nor interim answers.

Limits and fixes besides: uvicorn alone accepts a request head of any size and waits for it for ever, drops the body of
a request that offers an upgrade other than to WebSocket, and hangs up on a client that only ends its sending.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gemtap.tap.client_request import ClientHead, ClientRequest
from gemtap.tap.errors import answer
from gemtap.tap.half_closed import still_reads
from gemtap.tap.proxied import Proxied
from gemtap.tap.proxy_client import Forwards, ProxyClient

MAX_HEAD: Final = 256 * 1024
"""Bytes of a request's line and headers."""

HEAD_TIMEOUT: Final = 10.0
"""Seconds from the first byte of a request's head to its last."""

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether a client that has closed its sending side is still there."""


class TapProtocol(ProxyClient):
    """One connection of a client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stop = None
        self.lost = False
        """The client has gone away."""
        self._forwards = cast(Forwards, self.app)
        self._head_bytes: int | None = 0
        """How much of a request's head has arrived; None while a body is being received."""
        self._head_timer = None
        self._offers_upgrade = False
        self._half_closed = None
        self._idle_since: float | None = None
        """When the last answer was complete, on the loop's clock; None while a request is under way."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away, or was sent away."""
        self.lost = True
        for timer in (self._head_timer, self._half_closed, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        if isinstance(self.cycle, ClientRequest):
            # uvicorn would look for a request of its own.
            self.cycle = None
        super().connection_lost(exc)
        if self._stop is not None:
            self._stop()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's protocols return what keeps it open
        """The client sends no more. It is answered if it has asked for something and is still there."""
        request = self.cycle
        if request is None or request.response_complete or request.more_body or self.scheme == "https":
            return None
        if not still_reads(self._socket):
            return None
        # The connection is closed after this answer.
        request.keep_alive = False
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

    # Reading requests --------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Count the head's bytes before they are parsed, so that its size has a bound."""
        self._idle_since = None
        if self._head_bytes is not None:
            self._head_bytes += len(data)
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
            if self._tunnel_to is not None:
                self._connect(self._tunnel_to, data[exc.args[0] :])
            elif self.transport.is_closing():
                return
            elif self._should_upgrade():
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
            for name, value in self.headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        self._offers_upgrade = False
        self.headers = []
        self.parser = httptools.HttpRequestParser(_AfterHead(self))
        self._parse(b"".join((b"POST / HTTP/1.1\r\n", *framing, b"\r\n", rest)))

    def on_message_begin(self) -> None:
        """A request begins. Whose it is, its head will say."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_bytes = None
        self._stop_head_timer()
        self._offers_upgrade = self.parser.should_upgrade()
        if not self.url.startswith(b"/") and self._is_for_the_forward_proxy():
            return
        url = httptools.parse_url(self.url)
        if (self._offers_upgrade and self._should_upgrade()) or not self._forwards.is_forwarded(url.path):
            self._leave_to_uvicorn()
        else:
            self._begin(self._request(url.path, url.query or b"", self.proxied))
        if not self._offers_upgrade:
            # Trailers would be added to the list of headers that the exchange has.
            self.headers = []

    def _request(self, path: bytes, query: bytes, proxied: Proxied | None) -> ClientRequest:
        version = self.parser.get_http_version()
        head = ClientHead(
            method=self.parser.get_method().decode("ascii"),
            path=path,
            query=query,
            http_version=version,
            headers=self.headers,
            client=self.client[0] if self.client else None,
            scheme=self.scheme or "http",
            local=self.server,
            proxied=proxied,
        )
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        return ClientRequest(self, head, keep_alive=keep_alive, expects_continue=self.expect_100_continue)

    def _leave_to_uvicorn(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()

    def _begin(self, request: ClientRequest) -> None:
        before, self.cycle = self.cycle, request
        if before is None or before.response_complete:
            self._start(request)
        else:
            # A pipelined request waits for its turn, in uvicorn's queue for those of either kind.
            self.flow.pause_reading()
            self.pipeline.appendleft((request, self.app))  # type: ignore[arg-type]  # see `_start_asgi_task`

    def _start_asgi_task(self, cycle: RequestResponseCycle | ClientRequest, app: ASGI3Application) -> None:
        if isinstance(cycle, ClientRequest):
            self._start(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _start(self, request: ClientRequest) -> None:
        task = self.loop.create_task(self._run(request))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, request: ClientRequest) -> None:
        # Only from here on: a task that is cancelled before it begins would leave no record of the request.
        running = asyncio.current_task()
        assert running is not None
        self._stop = partial(request.lose, running)
        try:
            if request.passed_on_to is None:
                await self._forwards.forward(request)
            else:
                await self._forwards.forward_proxy.pass_on(request, request.passed_on_to)
        finally:
            self._stop = None
            if not request.response_complete and not self.lost:
                self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Some of a request's body."""
        if isinstance(self.cycle, ClientRequest):
            self.cycle.on_body(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole: what follows is the next request's head."""
        if self._offers_upgrade:
            # It is not: the parser takes the end of the head for it.
            return
        self._head_bytes = 0
        if isinstance(self.cycle, ClientRequest):
            self.cycle.on_body_complete()
        else:
            super().on_message_complete()

    # Between requests --------------------------------------------------------

    def on_response_complete(self) -> None:
        """A request is answered: the next one may begin, or the connection waits for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait_idle(self.timeout_keep_alive)

    def _wait_idle(self, seconds: float) -> None:
        # One timer at a time, which looks when it goes off: one for each request would be set and cancelled for each.
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for too long."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_idle(left)
        else:
            super().timeout_keep_alive_handler()

    # Ending badly ------------------------------------------------------------

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
        request = self.cycle
        if request is None or request.response_complete or not request.response_started:
            headers, body = answer(status, code, message)
            headers = [*headers, (b"connection", b"close")]
            if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                headers.append((b"proxy-authenticate", b'Basic realm="Gemtap"'))
            lines = [name + b": " + value + b"\r\n" for name, value in headers]
            self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()


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
