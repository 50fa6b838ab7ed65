"""The connection of a client inside of a tunnel whose TLS was ended, if it speaks HTTP/2.

h2 keeps the state of the protocol; what is here decides what to do with it. Each stream is an exchange of its own, and
goes the same way as a request over HTTP/1.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from gemtap.capture.events import RawHeaders
from gemtap.rate_budget import RateBudget
from gemtap.tap.client_request import ClientHead, ClientRequest
from gemtap.tap.headers import content_length, value_of
from gemtap.tap.http2.fields import NO_GRPC, BadRequest, is_grpc, read_request
from gemtap.tap.http2.library import MAX_STREAMS
from gemtap.tap.http2.sending import AT_ONCE, Sending
from gemtap.tap.http2.stream import Http2Request, Stream
from gemtap.tap.protocol import MAX_HEAD
from gemtap.tap.proxied import Proxied

_ACKNOWLEDGE_AFTER: Final = 64 * 1024
"""Bytes for which the client's window of the whole connection is opened again, by one frame for all of them."""

_MAX_UNFINISHED: Final = MAX_HEAD + 64 * 1024
"""Bytes that may arrive without a whole frame or head among them."""

_MAX_UNTAKEN: Final = 512 * 1024
"""Bytes of answers to control frames that a client may leave untaken."""

_RESETS_AT_ONCE: Final = 1000
_RESETS_EACH_SECOND: Final = 33.0
"""How many streams a client may cancel: each costs Gemtap and the upstream more than the client (CVE-2023-44487).

The limits of nghttp2, which clients have lived with since 2023.
"""


class Http2Connection(Sending):
    """One connection of a client."""

    def __init__(
        self,
        forward: Callable[[ClientRequest], Coroutine[Any, Any, None]],
        server: ServerState,
        proxied: Proxied,
        *,
        idle_timeout: float,
        tunnels_grpc: Callable[[], bool],
    ) -> None:
        """`forward` carries one exchange. `idle_timeout`: seconds without a stream after which it is closed.

        `tunnels_grpc` is called when the client turns out to speak gRPC, and says whether its next connection will be a
        blind tunnel.
        """
        super().__init__(server)
        self._forward = forward
        self._proxied = proxied
        self._idle_timeout = idle_timeout
        self._tunnels_grpc = tunnels_grpc
        self._begun: list[Http2Request] = []
        """Those whose exchange has not been started yet."""
        self._resets = RateBudget(_RESETS_AT_ONCE, _RESETS_EACH_SECOND, self.loop.time())
        self._unfinished = 0
        self._unacknowledged = 0
        self._is_ending = False
        self._idle: asyncio.TimerHandle | None = None

    # Called by the event loop ------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """TLS has been ended."""
        self.transport = transport
        self._client = get_remote_addr(transport)
        self._local = get_local_addr(transport)
        transport.set_write_buffer_limits(AT_ONCE)  # TLS would take 512 KB before it says that this is enough
        self._server.connections.add(self)  # type: ignore[arg-type]  # as uvicorn knows connections
        self._wait_idle()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away, or was sent away."""
        self._server.connections.discard(self)
        self._stop_idle()
        for request in list(self._requests.values()):
            self._lose(request)

    def data_received(self, data: bytes) -> None:
        """Frames, or parts of them."""
        self._unfinished += len(data)
        try:
            events = self._h2.receive_data(data)
        except H2Error:
            # It has written a GOAWAY that says why.
            self._close()
            return
        if events:
            self._unfinished = 0
        elif self._unfinished > _MAX_UNFINISHED:
            self._close(ErrorCodes.ENHANCE_YOUR_CALM)
        for event in events:
            if self.transport.is_closing():
                return
            self._handle(event)
        self._start_begun()
        self._send_waiting()
        if self.write_paused and self.transport.get_write_buffer_size() > _MAX_UNTAKEN:
            self.transport.abort()

    def shutdown(self) -> None:
        """Gemtap ends: take no more requests, and close once the present ones are answered."""
        self._say_goodbye(self._h2.highest_inbound_stream_id)
        self._send_waiting()
        self._close_if_over()

    # What frames say ---------------------------------------------------------

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                fields = [(bytes(name), bytes(value)) for name, value in event.headers]
                self._begin(event.stream_id, fields, is_whole=event.stream_ended is not None)
            case DataReceived():
                self._take_body(event.stream_id, bytes(event.data), event.flow_controlled_length)
            case StreamEnded():
                if (request := self._requests.get(event.stream_id)) is not None:
                    request.on_body_complete()
            case StreamReset():
                if not self._resets.take(self.loop.time()):
                    self._close(ErrorCodes.ENHANCE_YOUR_CALM)
                elif (request := self._requests.get(event.stream_id)) is not None:
                    self._lose(request)
            case RemoteSettingsChanged():
                self._h2.bound_table()
            case ConnectionTerminated():
                self._is_ending = True
                self._close_if_over()

    def _begin(self, number: int, fields: RawHeaders, *, is_whole: bool) -> None:
        """A request's head; `is_whole`: no body follows."""
        if self._is_ending or len(self._requests) >= 2 * MAX_STREAMS:
            # Those that were cancelled count until they are over here as well.
            self._reset(number, ErrorCodes.REFUSED_STREAM)
            return
        try:
            method, path, query, headers = read_request(fields)
        except BadRequest:
            self._reset(number, ErrorCodes.PROTOCOL_ERROR)
            return
        if is_grpc(headers):
            self._refuse_grpc(number)
            return
        head = ClientHead(
            method=method,
            path=path,
            query=query,
            http_version="2",
            headers=headers,
            client=self._client[0] if self._client else None,
            scheme="https",
            local=self._local,
            proxied=self._proxied,
            has_unsized_body=not is_whole and content_length(headers) is None,
        )
        expects_continue = (value_of(headers, b"expect") or b"").lower() == b"100-continue"
        stream = Stream(self, number, content_length(headers))
        request = Http2Request(self, stream, head, expects_continue=expects_continue)
        self._requests[number] = request
        self._begun.append(request)
        self._stop_idle()

    def _refuse_grpc(self, number: int) -> None:
        if self._tunnels_grpc():
            # A client of gRPC sends what was not begun again, over the next connection, and tells nobody.
            self._say_goodbye(max(number - 2, 0))
            self._reset(number, ErrorCodes.REFUSED_STREAM)
        else:
            self._h2.send_headers(number, NO_GRPC, end_stream=True)
            self._reset(number, ErrorCodes.NO_ERROR)

    def _take_body(self, number: int, data: bytes, length: int) -> None:
        """Some of a request's body; `length` is that of the frame, with its padding."""
        self._unacknowledged += length
        if self._unacknowledged >= _ACKNOWLEDGE_AFTER:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
        request = self._requests.get(number)
        if request is None:
            return
        stream = request.stream
        stream.unread += length
        if not data:
            stream.was_read()  # padding alone is nothing to read
            return
        request.on_body(data)
        if stream.missing is not None:
            stream.missing -= len(data)
            if stream.missing == 0:
                # The upstream may answer before the client says that this was all.
                request.on_body_complete()

    # Exchanges ---------------------------------------------------------------

    def _start_begun(self) -> None:
        begun, self._begun = self._begun, []
        for request in begun:
            if request.stream.lost:
                continue  # cancelled with the same bytes: nothing of it has gone anywhere
            request.stream.is_running = True
            task = self.loop.create_task(self._run(request))
            self._server.tasks.add(task)
            task.add_done_callback(partial(self._has_run, request))

    async def _run(self, request: Http2Request) -> None:
        stream = request.stream
        if stream.lost:
            return
        # Only from here on: a task that is cancelled before it begins would leave no record of the request.
        stream.running = asyncio.current_task()
        try:
            await self._forward(request)
        finally:
            stream.running = None
            if not request.response_complete:
                self.reset(stream)

    def _has_run(self, request: Http2Request, task: asyncio.Task[None]) -> None:
        self._server.tasks.discard(task)
        request.stream.is_running = False
        self._forget_if_over(request)

    def _lose(self, request: Http2Request) -> None:
        """The client has cancelled a request, or is gone."""
        stream = request.stream
        self._sending.pop(stream.number, None)
        stream.lose()
        if stream.running is not None:
            request.lose(stream.running)
        self._forget_if_over(request)

    def _forget_if_over(self, request: Http2Request) -> None:
        stream = request.stream
        if stream.is_running or not (stream.end_sent or stream.lost):
            return
        self._requests.pop(stream.number, None)
        if not self._requests:
            self._wait_idle()
            self._close_if_over()

    # Ending ------------------------------------------------------------------

    def _say_goodbye(self, last_stream: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        self._is_ending = True
        self._h2.say_goodbye(last_stream, code)

    def _close_if_over(self) -> None:
        if self._is_ending and not self._requests:
            self._close()

    def _close(self, code: ErrorCodes | None = None) -> None:
        if code is not None:
            self._say_goodbye(self._h2.highest_inbound_stream_id, code)
        self._flush()
        self.transport.close()

    def _wait_idle(self) -> None:
        if self._idle is None and not self.transport.is_closing():
            self._idle = self.loop.call_later(self._idle_timeout, self._idle_too_long)

    def _stop_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _idle_too_long(self) -> None:
        self._close(ErrorCodes.NO_ERROR)
