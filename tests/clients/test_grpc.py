"""A real client of gRPC under `gemtap run`: it reaches the real host, unread, and notices nothing."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gemtap.tls import local_certificate
from tests.clients.running_client import PATIENCE, python_client
from tests.clients.test_run import run
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi
from tests.wire.test_interception import HOST, upstream_certificate

pytestmark = pytest.mark.clients


@contextmanager
def server(certificate: Path) -> Iterator[int]:
    """The port of a gRPC server with this certificate."""
    command = [*python_client("google-generativeai", "ask_over_grpc.py"), "serve", str(certificate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate("", PATIENCE)


@contextmanager
def outgoing(port: int) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of an outgoing proxy that connects to a port whatever host it is asked for, and what it is asked for."""
    asked: list[bytes] = []

    def copy(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def tunnel(near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", port)) as far:
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(4096)
            asked.append(head.split(b"\r\n")[0])
            near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=copy, args=(far, near))
            back.start()
            copy(near, far)
            back.join(PATIENCE)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=(listener.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
    serving.join(PATIENCE)


def test_grpc_is_tunnelled(api: SimulatedApi, tmp_path: Path) -> None:
    """Its first request is refused, which it does not notice: it sends it again, through a tunnel."""
    authority = local_certificate(tmp_path / "real", []).authority
    with server(upstream_certificate(tmp_path / "real", HOST)) as port, outgoing(port) as (proxy, asked):
        gemtap = RunningGemtap(tmp_path, api.origin, https_proxy=proxy, no_proxy="127.0.0.1,localhost")
        try:
            command = [*python_client("google-generativeai", "ask_over_grpc.py"), "ask", HOST]
            seen = run(gemtap, tmp_path, command, {"SSL_CERT_FILE": str(authority)}, "--no-base-urls")
            assert seen == "echo 1\necho 2\n"
            assert asked == [f"CONNECT {HOST}:443 HTTP/1.1".encode()]
            assert gemtap.api("interactions")["items"] == []
            assert "gRPC" in gemtap.log.read_text()
        finally:
            gemtap.close()
