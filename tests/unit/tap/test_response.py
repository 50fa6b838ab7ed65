"""An upstream's answer as it is parsed, without a connection."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.tap.response import ConnectionBroke, PassOn, UpstreamResponse


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


async def _received(pieces: list[bytes], *, takes: list[bool]) -> tuple[bytes, int]:
    """The body that a reader gets of these bytes, and how often it was told that nothing follows.

    `takes`: whether the reader takes another piece at once, for one piece after the other.
    """
    carrier = Carrier()
    carrier.loop = asyncio.get_running_loop()
    response = UpstreamResponse(carrier, b"POST")
    got: list[bytes] = []
    lasts = 0
    ready = iter(takes)

    def pass_on(piece: bytes, more: bool) -> bool:
        nonlocal lasts
        got.append(piece)
        lasts += not more
        return next(ready, True)

    async def read() -> None:
        await response.head()
        while not lasts:
            await response.pass_on(pass_on)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        for piece in pieces:
            response.feed(piece)
            await asyncio.sleep(0)
        if not response.complete:
            response.end(None)
    return b"".join(got), lasts


@given(
    head=st.sampled_from((b"content-length: 40\r\n", b"")),
    cuts=st.lists(st.integers(1, 75), unique=True).map(sorted),
    takes=st.lists(st.booleans()),
)
def test_each_piece_is_passed_on_once_and_the_end_is_told_once(head: bytes, cuts: list[int], takes: list[bool]) -> None:
    """However the bytes arrive, however slow the reader is, and whether or not the connection's end is the body's."""
    body = bytes(range(65, 105))
    message = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body
    pieces = [message[start:end] for start, end in pairwise([0, *cuts, len(message)]) if start < end]
    assert asyncio.run(_received(pieces, takes=takes)) == (body, 1)


def test_what_fails_while_a_piece_is_passed_on_reaches_the_reader() -> None:
    """The connection to the upstream has nothing to do with it, and reads on."""

    async def read() -> None:
        carrier = Carrier()
        carrier.loop = asyncio.get_running_loop()
        response = UpstreamResponse(carrier, b"POST")
        response.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")

        def pass_on(piece: bytes, more: bool) -> bool:
            raise ValueError(piece)

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_raised(response.pass_on(pass_on)))
            await asyncio.sleep(0)
            response.feed(b"last")
        assert repr(reading.result()) == "ValueError(b'last')"

    asyncio.run(read())


def test_an_upstream_that_breaks_off_is_told_after_all_of_its_pieces() -> None:
    """Whatever has arrived is passed on first."""

    async def read() -> None:
        carrier = Carrier()
        carrier.loop = asyncio.get_running_loop()
        response = UpstreamResponse(carrier, b"POST")
        got: list[bytes] = []

        def pass_on(piece: bytes, more: bool) -> bool:
            got.append(piece)
            return more

        response.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_raised(_pass_all_on(response, pass_on)))
            await asyncio.sleep(0)
            response.feed(b"half")
            response.end(None)
        assert isinstance(reading.result(), ConnectionBroke)
        assert got == [b"half"]

    asyncio.run(read())


async def _pass_all_on(response: UpstreamResponse, pass_on: PassOn) -> None:
    while not response.is_read:
        await response.pass_on(pass_on)


async def _raised(running: Coroutine[None, None, None]) -> Exception | None:
    try:
        await running
    except Exception as exc:
        return exc
    return None
