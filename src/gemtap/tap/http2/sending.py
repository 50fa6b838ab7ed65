"""The half of a connection over HTTP/2 that writes: what waits in the streams is sent as their windows allow."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Final

from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from uvicorn.server import ServerState

from gemtap.capture.events import RawHeaders
from gemtap.tap.http2.library import ServerConnection
from gemtap.tap.http2.stream import Http2Request, Stream

AT_ONCE: Final = 64 * 1024
"""Bytes of one stream before the next one has its turn."""


class Sending(asyncio.Protocol):
    """Writes for the streams of one connection."""

    def __init__(self, server: ServerState) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.write_paused = False
        self._server = server
        self._h2 = ServerConnection()
        self._requests: dict[int, Http2Request] = {}
        """By the number of their stream, until they are over for both sides."""
        self._sending: dict[int, Stream] = {}
        """Streams in which something waits."""

    @abstractmethod
    def _forget_if_over(self, request: Http2Request) -> None:
        """Forget a request that is over for both sides."""

    # Called by the event loop ------------------------------------------------

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The client takes more again."""
        self.write_paused = False
        self._send_waiting()
        for request in list(self._requests.values()):
            request.stream.wake()

    # Called by streams -------------------------------------------------------

    def send_head(self, stream: Stream, fields: RawHeaders, *, ends: bool) -> None:
        """Send the head of an answer, or of an interim one, with what follows it; `ends`: nothing does."""
        try:
            self._h2.send_headers(stream.number, fields, end_stream=ends)
        except H2Error:
            self.reset(stream)
            return
        if ends:
            self._end_sent(stream)

    def send_body(self, stream: Stream) -> None:
        """Send what waits in a stream, as far as the client takes it."""
        if not (stream.end_sent or stream.lost):
            self._sending[stream.number] = stream
        self._send_waiting()

    def give_window(self, stream: Stream, amount: int) -> None:
        """Let the client send so many more bytes in a stream."""
        try:
            self._h2.increment_flow_control_window(amount, stream.number)
        except H2Error:
            return  # it has sent all by now
        self._flush()

    def reset(self, stream: Stream) -> None:
        """Break a stream off: its answer will not be whole."""
        if stream.lost or stream.end_sent:
            return
        self._sending.pop(stream.number, None)
        stream.lose()
        self._reset(stream.number, ErrorCodes.INTERNAL_ERROR)
        self._flush()

    def on_response_complete(self) -> None:
        """A request is answered."""
        self._server.total_requests += 1

    # Writing -----------------------------------------------------------------

    def _send_waiting(self) -> None:
        """Send what waits, one stream after the other, until the client takes no more."""
        while True:
            has_sent = False
            for stream in list(self._sending.values()):
                has_sent = (not self.write_paused and self._send_some(stream)) or has_sent
            self._flush()
            if not has_sent:
                return

    def _send_some(self, stream: Stream) -> bool:
        """Send of a stream what it may send in its turn. Returns whether that was anything."""
        number, left, ended = stream.number, AT_ONCE, False
        try:
            while left and not ended and (stream.has_waiting or stream.ends):
                most = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size, left)
                if most <= 0 and stream.has_waiting:
                    break
                piece = stream.take(most)
                ended = stream.ends and not stream.has_waiting
                self._h2.send_data(number, piece, end_stream=ended)
                left -= len(piece)
        except H2Error:
            self.reset(stream)
            return False
        if ended:
            self._end_sent(stream)
        elif not stream.has_waiting:
            self._sending.pop(number, None)
        stream.wake()
        return left < AT_ONCE

    def _end_sent(self, stream: Stream) -> None:
        stream.end_sent = True
        self._sending.pop(stream.number, None)
        request = self._requests[stream.number]
        if request.more_body:
            # The rest of it is of no use to anybody (RFC 9113, section 8.1).
            self._reset(stream.number, ErrorCodes.NO_ERROR)
        self._forget_if_over(request)

    def _reset(self, number: int, code: ErrorCodes) -> None:
        try:
            self._h2.reset_stream(number, code)
        except H2Error:
            pass  # it is closed already

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)
