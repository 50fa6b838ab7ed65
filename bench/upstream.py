"""The upstream for streams and uploads, as a process: `python -m bench.upstream PORT [SECONDS]`.

It answers `:streamGenerateContent` with chunks that contain their send times, and any other request at once after its
last byte, or so many seconds later. It uses no framework, so that its own cost does not hide that of a proxy.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Final, cast

import uvloop

from bench.traffic import CHUNK_EVERY, CHUNKS, answer_body, stream_chunk

_CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ANSWER: Final = answer_body("bench")
_ANSWER_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER)
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection. Requests need a Content-Length and are answered one after another."""

    def __init__(self, delay: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._head = b""
        self._body_left: int | None = None
        """Remaining bytes of the body, or None while the headers are read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: uvloop's transports do not inherit from asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._body_left is None:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            length = _CONTENT_LENGTH.search(head)
            assert length is not None
            self._head, self._body_left, data = head, int(length[1]), rest
        self._body_left -= len(data)
        if self._body_left == 0:
            head, self._head, self._body_left = self._head, b"", None
            if self._delay:
                self._loop.call_later(self._delay, self._answer, head)
            else:
                self._answer(head)

    def _answer(self, head: bytes) -> None:
        if b":streamGenerateContent" in head.partition(b"\r\n")[0]:
            # The first chunk is sent with the headers, as by a model that has begun its response.
            self._transport.write(_STREAM_HEAD)
            self._send_chunk(CHUNKS, self._loop.time())
        else:
            self._transport.write(_ANSWER_HEAD + _ANSWER)

    def _send_chunk(self, left: int, due: float) -> None:
        if self._transport.is_closing():
            return
        chunk = stream_chunk(time.monotonic_ns())
        self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if left > 1:
            due += CHUNK_EVERY
            self._loop.call_at(due, self._send_chunk, left - 1, due)
        else:
            self._transport.write(_LAST_CHUNK)


async def _serve(port: int, delay: float = 0.0) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(delay), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), *map(float, sys.argv[2:])))
