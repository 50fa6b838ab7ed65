"""What the client's side of the wire does with writes that come at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gemtap.tap.protocol import Joining

pytestmark = pytest.mark.anyio


class Counted(asyncio.Protocol):
    """The server's end of a connection: how often it is written to is counted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.writes: list[bytes] = []
        written = transport.write

        def write(data: bytes) -> None:
            self.writes.append(data)
            written(data)

        transport.write = write  # type: ignore[method-assign, assignment]
        self.joining = Joining(transport)


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Counted, asyncio.StreamReader]]:
    """A real connection on this machine: its server's end, and what its client reads."""
    made: list[Counted] = []

    def make() -> Counted:
        made.append(Counted())
        return made[0]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not made:
            await asyncio.sleep(0)
        yield made[0], reader
        writer.close()
        made[0].joining.close()


async def test_what_is_held_goes_out_in_one_write(ends: tuple[Counted, asyncio.StreamReader]) -> None:
    """Held output is written in one call."""
    server, reader = ends
    server.joining.write(b"a")
    server.joining.hold()
    server.joining.write(b"head ")
    server.joining.write(b"body")
    assert server.writes == [b"a"]
    server.joining.release()
    server.joining.release()
    server.joining.write(b"!")
    assert server.writes == [b"a", b"head body", b"!"]
    assert await reader.readexactly(11) == b"ahead body!"


async def test_closing_loses_nothing_that_is_held(ends: tuple[Counted, asyncio.StreamReader]) -> None:
    """Closing the connection writes held output first."""
    server, reader = ends
    server.joining.hold()
    server.joining.write(b"last words")
    server.joining.close()
    assert await reader.read() == b"last words"
    assert server.joining.is_closing()
