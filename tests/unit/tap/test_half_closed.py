"""Whether the other end of a connection is still open, on real sockets."""

from __future__ import annotations

import socket
import sys

import pytest

from gemtap.tap.half_closed import still_reads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot tell")


@pytest.mark.parametrize(
    ("listening", "reached"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")],
    ids=["IPv4", "IPv6", "IPv4 at a socket of both"],
)
def test_a_client_reads_until_its_socket_is_closed(listening: str, reached: str) -> None:
    """One that has closed its sending side still reads; one that has closed its socket does not."""
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with socket.socket(family) as listener:
        if listening == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((listening, 0))
        listener.listen()
        client = socket.create_connection((reached, listener.getsockname()[1]))
        with listener.accept()[0] as connection:
            assert still_reads(connection)
            client.shutdown(socket.SHUT_WR)
            assert still_reads(connection)
            client.close()
            assert not still_reads(connection)


def test_a_client_that_is_gone_is_not_asked_for() -> None:
    """A connection that was reset has no other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as connection:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            assert not still_reads(connection)


def test_a_socket_of_another_kind_cannot_be_told() -> None:
    """Unix sockets are not looked for."""
    one, other = socket.socketpair()
    with one, other:
        assert not still_reads(one)
