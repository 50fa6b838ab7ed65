"""An upstream's answer as it is parsed, without a connection."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from gemtap.tap.response import UpstreamResponse


class Carrier:
    """A connection that nothing depends on."""

    loop: asyncio.AbstractEventLoop

    def resume_reading(self) -> None:
        """Nothing was paused."""

    def let_go(self, response: UpstreamResponse) -> None:
        """Nothing is kept."""


@pytest.mark.parametrize("end", ["whole", "closed"])
def test_an_answer_that_is_over_is_no_garbage(end: str) -> None:
    """Memory is freed at once: collections of garbage would hold up all streams."""
    response = UpstreamResponse(Carrier(), b"POST")
    response.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + (b"{}" if end == "whole" else b"{"))
    if end == "closed":
        response.close()
    alive = weakref.ref(response)
    gc.disable()
    try:
        del response
        assert alive() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: a\r\nconnection: x, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    ],
)
def test_whether_the_connection_is_kept_is_in_the_head(head: bytes, keeps: bool) -> None:
    """The version, `Connection` and the framing say whether another request may follow."""
    response = UpstreamResponse(Carrier(), b"GET")
    response.feed(head)
    assert response.keeps_connection is keeps
