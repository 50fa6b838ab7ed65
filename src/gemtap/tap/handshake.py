"""The beginning of a client's TLS handshake, looked at before it is decided what to do with the connection."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from gemtap.tap.client_hello import LONGEST, ClientHello, NoClientHello, read_client_hello


async def peek(transport: asyncio.Transport) -> ClientHello | None:
    """The ClientHello that a client has sent, left where it is; None if it has sent something else. Raises OSError."""
    if is_inside_tls(transport):
        return ClientHello(None, ())  # inside of TLS: what arrives cannot be looked at without being taken
    loop = asyncio.get_running_loop()
    # A descriptor of its own: the loop watches the transport's.
    copy = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    try:
        seen = -1
        while True:
            ready = loop.create_future()
            loop.add_reader(copy, _set, ready)
            try:
                await ready
            finally:
                loop.remove_reader(copy)
            data = copy.recv(LONGEST, socket.MSG_PEEK)
            if len(data) <= seen or not data:
                raise ConnectionResetError
            try:
                hello = read_client_hello(data)
            except NoClientHello:
                return None
            if hello is not None:
                return hello
            seen = len(data)
            # Wake up when there is more than what has been seen.
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, seen + 1)
    finally:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        copy.close()


def is_inside_tls(transport: asyncio.Transport) -> bool:
    """Whether the client's connection with the proxy is one of TLS already."""
    return transport.get_extra_info("sslcontext") is not None


def note_server_name(tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    """Remember the name that a client asks for, as `sni_callback` of a context: `noted_server_name` gives it."""
    tls.gemtap_server_name = name  # type: ignore[attr-defined]


def noted_server_name(tls: ssl.SSLObject) -> str | None:
    """The name that the client has asked for."""
    name: str | None = getattr(tls, "gemtap_server_name", None)
    return name.lower().rstrip(".") if name is not None else None


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def knows_http(hello: ClientHello) -> bool:
    """Whether the client speaks HTTP/1.1 or HTTP/2. It need not say so."""
    return not hello.protocols or b"http/1.1" in hello.protocols or b"h2" in hello.protocols


def is_http2_alone(hello: ClientHello) -> bool:
    """Whether the client speaks HTTP/2 and not HTTP/1.1, as those of gRPC do."""
    return b"h2" in hello.protocols and b"http/1.1" not in hello.protocols


class Early(asyncio.Protocol):
    """Keeps what arrives between the end of a TLS handshake and the moment when it is known here."""

    def __init__(self) -> None:
        self._received: list[bytes] = []
        self._lost = False

    def data_received(self, data: bytes) -> None:
        """Something has arrived."""
        self._received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._lost = True

    def shutdown(self) -> None:
        """Gemtap ends: the handshake is bounded by its own limit."""

    def pass_on(self, protocol: asyncio.Protocol) -> None:
        """Tell the protocol that takes over."""
        if self._received:
            protocol.data_received(b"".join(self._received))
        if self._lost:
            protocol.connection_lost(None)
