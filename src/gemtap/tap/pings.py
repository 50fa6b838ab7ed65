"""Pings and pongs of a WebSocket go through, so that either end notices when the other is frozen or gone.

websockets and uvicorn answer a ping themselves: a client would ping Gemtap and learn nothing of the upstream.
"""

from __future__ import annotations

from collections.abc import Callable

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol

from gemtap.tap.session_protocol import SessionProtocol


def relay_pings(client: SessionProtocol, server: ClientConnection, heard: Callable[[], None]) -> None:
    """From now on pass on the pings and pongs of each side; `heard` is called for every frame of the server's."""
    inner: ServerProtocol = client.conn

    def to_server(frame: Frame) -> None:
        _send(server.protocol, frame)
        server.send_data()

    def to_client(frame: Frame) -> None:
        _send(inner, frame)
        client.transport.write(b"".join(inner.data_to_send()))

    _divert(inner, to_server)
    _divert(server.protocol, to_client, heard)


def _divert(protocol: Protocol, pass_on: Callable[[Frame], None], heard: Callable[[], None] | None = None) -> None:
    usual = protocol.recv_frame

    def recv_frame(frame: Frame) -> None:
        if heard is not None:
            heard()
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            pass_on(frame)
        else:
            usual(frame)

    # websockets offers no hook here, and makes the protocol itself: the instance gets a method of its own.
    protocol.recv_frame = recv_frame  # type: ignore[method-assign]


def _send(protocol: Protocol, frame: Frame) -> None:
    if protocol.state is not State.OPEN:
        return
    data = bytes(frame.data)
    if frame.opcode is Opcode.PING:
        protocol.send_ping(data)
    else:
        protocol.send_pong(data)
