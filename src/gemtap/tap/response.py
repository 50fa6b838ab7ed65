"""The answer of an upstream while it arrives.

The parser is llhttp's, through httptools. What is parsed is only what forwarding needs: the head, and where the body
ends. Bytes beyond the end of an answer belong to no request: they end the connection, never the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import httptools

from gemtap.capture.events import RawHeaders

MAX_HEAD: Final = 2**20
"""Bytes of an answer's head: signed URLs, security policies and cookies make long ones."""

_HIGH_WATER: Final = 256 * 1024
"""Bytes of an answer that wait for a slow client before reading from the upstream stops."""


class CannotConnect(Exception):
    """Connecting failed. The message says why, and does not quote received bytes."""


class ConnectionBroke(Exception):
    """The connection ended, or made no sense, before the answer was whole. The text quotes nothing received."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered
        """Whether anything of the answer had arrived."""


class UpstreamSilent(Exception):
    """The upstream neither sent nor took a byte for the longest time allowed."""


OnInterim = Callable[[int, bytes, RawHeaders], object]
"""Called with status, reason phrase and headers of an interim answer."""


PassOn = Callable[[bytes, bool], bool]
"""Called with a piece of the body, and whether more follow. Returns whether the next may come at once."""


class Carrier(Protocol):
    """The connection that an answer comes over."""

    loop: asyncio.AbstractEventLoop

    def resume_reading(self) -> None:
        """The client has taken what was waiting."""

    def let_go(self, response: UpstreamResponse) -> None:
        """The exchange is over for the client."""


class UpstreamResponse:
    """An answer under way. It is complete when `read` returns nothing."""

    def __init__(self, connection: Carrier, method: bytes, on_interim: OnInterim | None = None) -> None:
        self.status = 0
        self.reason = b""
        """The phrase after the status."""
        self.headers: RawHeaders = []
        """Names in lower case."""
        self.complete = False
        self._connection = connection
        self._on_interim = on_interim
        self._bodiless = method in (b"HEAD", b"CONNECT")
        self.opens_tunnel = method == b"CONNECT"
        """What follows on the connection is another protocol's."""
        # It refers to this object: let go of at the end, so that no garbage collection has to find the two.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        # Real servers are careless here, and nothing is at stake: what they send is passed on, never interpreted.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._head_bytes = 0
        self._has_head = False
        self._until_close = False
        self.keeps_connection = False
        """Whether the connection may be reused, according to the head."""
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._pass_on: PassOn | None = None

    async def head(self) -> None:
        """Wait for status and headers. Raises ConnectionBroke, UpstreamSilent, or what reading the body raised."""
        while not self._has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    def take(self) -> bytes:
        """What of the body has arrived and was not taken yet."""
        if not self._pieces:
            return b""
        pieces, self._pieces = self._pieces, []
        if self.is_paused and not self.complete:
            self._connection.resume_reading()
        self._waiting = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read(self) -> bytes:
        """The next of the body, all that has arrived of it; nothing at its end. Raises as `head` does."""
        while not (piece := self.take()):
            if self.complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()
        return piece

    async def pass_on(self, pass_on: PassOn) -> None:
        """Call `pass_on` with each piece as it arrives, until it returns False, or the answer is read.

        Nothing is scheduled for a piece: waking a task would be a quarter of what it costs. Raises as `head` does, and
        what `pass_on` raises.
        """
        if (self._pieces or self.complete) and not pass_on(self.take(), not self.complete):
            return
        if self.complete:
            return
        if self._error is not None:
            raise self._error
        self._pass_on = pass_on
        try:
            await self._wait()
        finally:
            self._pass_on = None

    @property
    def is_read(self) -> bool:
        """Whether all of the answer has arrived, and was taken."""
        return self.complete and not self._pieces

    def close(self) -> None:
        """Release the response. If it was not read to its end, the connection is closed, so that the upstream stops."""
        self._parser = None
        self._connection.let_go(self)

    async def _wait(self) -> None:
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # Called by the connection ------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """Whether the client has to take something before more is read."""
        return self._waiting > _HIGH_WATER

    def feed(self, data: bytes) -> bool:
        """Parse what was received. Returns whether all of it belongs to this answer."""
        if not self._has_head:
            self._head_bytes += len(data)
        whole = True
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            whole = not self.complete
            self.fail(ConnectionBroke(f"the answer is not valid HTTP ({_what_is_wrong(exc)})", answered=True))
        if not self._has_head and self._head_bytes > MAX_HEAD:
            self.fail(ConnectionBroke("the head of the answer is larger than 1 MB", answered=True))
        if self.complete:
            self._parser = None
        self._hand_over()
        return whole

    def end(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._until_close and exc is None:
            self.complete = True
        elif self._has_head:
            self.fail(ConnectionBroke("the body is not complete", answered=True))
        else:
            reason = getattr(exc, "strerror", None) or "the connection was closed"
            self.fail(ConnectionBroke(reason, answered=self._head_bytes > 0))
        self._hand_over()

    def fail(self, exc: Exception) -> None:
        """Nothing more will come. What has arrived can still be read."""
        if not self.complete and self._error is None:
            self._error = exc
        self._wake()

    def _hand_over(self) -> None:
        """Pass on what has arrived, or wake who waits for it."""
        pass_on = self._pass_on
        if pass_on is None:
            self._wake()
            return
        if not self._pieces and not self.complete:
            return
        try:
            goes_on = pass_on(self.take(), not self.complete)
        except Exception as exc:
            self._pass_on = None
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(exc)
            return
        if self.complete or not goes_on:
            self._pass_on = None
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _values_of(self, wanted: bytes) -> bytes:
        found = b""
        for name, value in self.headers:
            if name == wanted:
                found = found + b"," + value if found else value
        return found.strip().lower()

    # Called by the parser ----------------------------------------------------

    def on_message_begin(self) -> None:
        """The head begins. After the end of a response, this is a response without a request."""
        if self.complete:
            raise httptools.HttpParserError

    def on_status(self, reason: bytes) -> None:
        """The reason phrase, or a part of it."""
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, which is for this hop only."""
        if not self._has_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        self._has_head = True
        tokens = self._values_of(b"connection")
        is_old = self._parser.get_http_version() == "1.0"
        self.keeps_connection = b"keep-alive" in tokens if is_old else b"close" not in tokens
        if self._bodiless:
            self.complete = True
        elif self.status not in (204, 304):
            coding = self._values_of(b"transfer-encoding")
            self._until_close = not (coding.endswith(b"chunked") if coding else self._values_of(b"content-length"))
            self.keeps_connection = self.keeps_connection and not self._until_close

    def on_body(self, piece: bytes) -> None:
        """Some of the body."""
        if self.complete:
            raise httptools.HttpParserError
        self._pieces.append(piece)
        self._waiting += len(piece)

    def on_message_complete(self) -> None:
        """The answer is whole, or it was an interim one, and another follows."""
        if self.status < 200:
            # What `100 Continue` asks for was told the client here already.
            if self._on_interim is not None and self.status != 100:
                self._on_interim(self.status, self.reason, self.headers)
            self.headers, self.reason = [], b""
        else:
            self.complete = True


def _what_is_wrong(exc: Exception) -> str:
    # The text of an upgrade's error is an offset; the others are llhttp's own words.
    return "it switches protocols" if isinstance(exc, httptools.HttpParserUpgrade) else str(exc)
