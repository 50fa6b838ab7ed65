"""The two peers of a tap as plain sockets, so that a test controls every byte and its timing.

All calls block, in a single thread, so that a test reads like a script. Every wait ends after `PATIENCE`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a test stops waiting. Only a failing test waits that long."""


class Peer:
    """One connection, read and written by hand."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self.received = bytearray()
        """Received bytes that no method has returned yet."""

    @classmethod
    def to(cls, port: int) -> Self:
        """Connect to a port of this machine."""
        return cls(socket.create_connection(("127.0.0.1", port)))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def take(self, size: int) -> bytes:
        """Read the next `size` bytes."""
        while len(self.received) < size:
            self._receive()
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    def take_until(self, mark: bytes) -> bytes:
        """Read up to and including the mark."""
        while mark not in self.received:
            self._receive()
        return self.take(self.received.index(mark) + len(mark))

    def take_head(self) -> Head:
        return Head(self.take_until(b"\r\n\r\n"))

    def take_chunk(self) -> bytes:
        """Read one chunk of a chunked body. The last chunk is empty, and its trailers are read too."""
        size = int(self.take_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while self.take_until(b"\r\n") != b"\r\n":
                pass
            return b""
        chunk = self.take(size)
        assert self.take(2) == b"\r\n"
        return chunk

    def take_chunks(self) -> bytes:
        """Read a whole chunked body."""
        body = b""
        while chunk := self.take_chunk():
            body += chunk
        return body

    def take_request(self) -> tuple[Head, bytes]:
        head = self.take_head()
        if head.value(b"transfer-encoding"):
            return head, self.take_chunks()
        return head, self.take(int(head.value(b"content-length") or 0))

    def take_response(self) -> tuple[Head, bytes]:
        return self.take_request()

    def take_rest(self) -> bytes:
        """Read until the other side closes the connection, cleanly or not."""
        try:
            while data := self.socket.recv(65536):
                self.received += data
        except ConnectionResetError:
            pass
        return self.take(len(self.received))

    def is_closed(self) -> bool:
        """Whether the other side has closed the connection. Waits until it sends or closes."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return True
        self.received += data
        return not data

    def is_silent(self, seconds: float = 0.5) -> bool:
        """Whether the other side sends nothing within this time."""
        self.socket.settimeout(seconds)
        try:
            self.received += self.socket.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def close(self) -> None:
        self.socket.close()

    def finish(self) -> None:
        """Close the sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection ended; not taken yet: {bytes(self.received)!r}")
        self.received += data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Head:
    """Start line and headers of a request or a response."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        first, *lines = raw[:-4].split(b"\r\n")
        self.first = first.decode("latin-1")
        self.headers = [(line.split(b":", 1)[0].lower(), line.split(b":", 1)[1].strip()) for line in lines]

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    @property
    def target(self) -> str:
        return self.first.split(" ")[1]

    def values(self, name: bytes) -> list[bytes]:
        return [value for header, value in self.headers if header == name]

    def value(self, name: bytes) -> bytes | None:
        return next(iter(self.values(name)), None)


class ScriptedUpstream:
    """An upstream that the test controls."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._accepted: list[Peer] = []

    def accept(self) -> Peer:
        """Accept the next connection of the tap."""
        peer = Peer(self._listener.accept()[0])
        self._accepted.append(peer)
        return peer

    @property
    def last(self) -> Peer:
        """The most recent connection."""
        return self._accepted[-1]

    def nobody_calls(self, seconds: float = 0.5) -> bool:
        """Whether no further connection arrives within this time."""
        self._listener.settimeout(seconds)
        try:
            self._accepted.append(Peer(self._listener.accept()[0]))
        except (TimeoutError, BlockingIOError):
            return True
        finally:
            self._listener.settimeout(PATIENCE)
        return False

    def hang_up(self) -> None:
        """Close all connections, including those not accepted yet, so that the next test starts with new ones."""
        while not self.nobody_calls(0):
            pass
        for peer in self._accepted:
            peer.close()
        self._accepted.clear()

    def close(self) -> None:
        self.hang_up()
        self._listener.close()


def eventually(find: Callable[[], T | None]) -> T:
    """Call `find` until it returns something other than None."""
    deadline = time.monotonic() + PATIENCE
    while (found := find()) is None:
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)
    return found


def request(
    target: str = "/v1beta/models/gemini-2.5-flash:generateContent",
    *headers: str,
    method: str = "POST",
    body: bytes = b'{"contents":[]}',
    host: str = "localhost",
) -> bytes:
    """A request with a Content-Length, unless the headers frame the body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def response(*headers: str, status: str = "200 OK", body: bytes = b"{}") -> bytes:
    """A response with a Content-Length, unless the headers frame the body."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
