"""Secrets in fields of Google's APIs, sent through a real `gemtap serve`, are found nowhere afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest
from bson import ObjectId
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from tests.e2e.leaks import files_with, mongodb_values, sqlite_values
from tests.e2e.running_gemtap import RunningGemtap, eventually
from tests.mongod import Mongod
from tests.secrets.planting import Planted, planted
from tests.wire.peers import Peer, ScriptedUpstream, request, response
from tests.wire.test_websockets import LIVE, LiveUpstream

# Also as the words that searches go by, and as names of fields and files have it.
CANARY = re.compile(rb"canary[- ]\d{5}|zyxwvutsrqponm", re.IGNORECASE)

KINDS = [
    kind
    for kind in planted()
    if kind.path.startswith(("/v1beta/", "/v1beta1/projects/")) and kind.method != "WEBSOCKET"
]
SESSIONS = [kind for kind in planted() if kind.provider == "gemini" and kind.method == "WEBSOCKET"]


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def exchange(gemtap: RunningGemtap, upstream: ScriptedUpstream, kind: Planted, status: str = "200 OK") -> None:
    """One exchange whose request or answer has the canaries; both sides get it as it was sent."""
    is_request = kind.direction == "request"
    sent, answered = (kind.body, b"{}") if is_request else (b"", kind.body)
    with Peer.to(gemtap.port) as client:
        client.send(request(kind.path, "Content-Type: application/json", method=kind.method, body=sent))
        with upstream.accept() as peer:
            assert peer.take_request()[1] == sent
            peer.send(response("Content-Type: application/json", "Connection: close", status=status, body=answered))
            assert client.take_response()[1] == answered


def stream(gemtap: RunningGemtap, upstream: ScriptedUpstream, kind: Planted) -> None:
    """The canaries of an answer as one event of a stream, which arrives in pieces."""
    events = b"data: {}\r\n\r\ndata: " + kind.body + b"\r\n\r\n"
    with Peer.to(gemtap.port) as client:
        client.send(request(kind.path + "?alt=sse", method=kind.method, body=b""))
        with upstream.accept() as peer:
            peer.take_request()
            size = f"Content-Length: {len(events)}"
            peer.send(response("Content-Type: text/event-stream", size, "Connection: close", body=b""))
            for at in range(0, len(events), 100):
                peer.send(events[at : at + 100])
            assert client.take_response()[1] == events


def converse(gemtap: RunningGemtap, live: LiveUpstream, kind: Planted) -> None:
    """A session whose client sends the canaries, and whose server repeats them."""
    received = []

    def script(session: ServerConnection) -> None:
        received.append(session.recv())
        session.send(kind.body)
        session.send(kind.body.decode())

    live.script = script
    with connect(f"ws://127.0.0.1:{gemtap.port}{LIVE}", max_size=None) as session:
        session.send(kind.body)
        assert [session.recv(), session.recv()] == [kind.body, kind.body.decode()]
    assert received == [kind.body]


def kill(gemtap: RunningGemtap, process: str) -> int:
    """Kill a process of Gemtap. Returns the id that it had."""
    killed = gemtap.children()[process]
    os.kill(killed, signal.SIGKILL)
    return killed


def wait_for_another(gemtap: RunningGemtap, process: str, killed: int) -> None:
    """Wait until another process has taken the place of the killed one, which is listed until it is reaped."""
    eventually(lambda: gemtap.children().get(process, killed) != killed or None)


def break_off(gemtap: RunningGemtap, upstream: ScriptedUpstream, kind: Planted, *, by: str) -> None:
    """An exchange whose answer stops halfway: the upstream or the client goes, or a process of Gemtap is killed."""
    half = kind.body[: len(kind.body) // 2]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    with Peer.to(gemtap.port) as client:
        client.send(request(kind.path, "Content-Type: application/json", method=kind.method, body=kind.body))
        with upstream.accept() as peer:
            peer.take_request()
            peer.send(head + half)
            client.take_head()
            if by == "client":
                client.close()
            elif by in ("tap", "desk"):
                killed = kill(gemtap, by)
                wait_for_another(gemtap, by, killed)
            elif by == "serve":
                gemtap.process.kill()
                gemtap.process.wait()


def while_the_desk_is_dead(gemtap: RunningGemtap, upstream: ScriptedUpstream) -> None:
    """Exchanges that begin before the desk is killed, and end while nothing records: the spool has nothing in clear."""
    for kind in KINDS[::20]:
        with Peer.to(gemtap.port) as client:
            client.send(request(kind.path, "Content-Type: application/json", method=kind.method, body=kind.body))
            with upstream.accept() as peer:
                peer.take_request()
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
                client.take_head()
                peer.send(kind.body)
                killed = kill(gemtap, "desk")
                peer.send(b" " * (9999 - len(kind.body)))
                assert client.take(9999).startswith(kind.body)
        assert files_with(CANARY, gemtap.data_dir) == []
        wait_for_another(gemtap, "desk", killed)


@pytest.mark.parametrize("store", ["sqlite", "mongodb"])
def test_no_secret_field_is_anywhere(store: str, upstream: ScriptedUpstream, tmp_path: Path, mongod: Mongod) -> None:
    """Not in the spool, the store, logs, pages, exports or what commands say, after good and bad exchanges."""
    database = f"fields_{ObjectId()}"
    flags = ["--upstream", f"vertex={upstream.origin}", "--log-level", "debug"]
    flags += ["--store", f"{mongod.url}/{database}"] if store == "mongodb" else []
    gemtap = RunningGemtap(tmp_path, upstream.origin, *flags)
    try:
        for kind in KINDS:
            exchange(gemtap, upstream, kind)
        answers = [kind for kind in KINDS if kind.direction == "response"]
        for kind in answers:
            stream(gemtap, upstream, kind)
        for status in ("400 Bad Request", "302 Found"):
            exchange(gemtap, upstream, KINDS[0], status=status)
        posted = next(kind for kind in KINDS if kind.direction == "request" and "/credentials" in kind.path)
        ways = ("upstream", "client", "tap", "desk", "serve")
        for by in ways:
            break_off(gemtap, upstream, posted, by=by)
            assert files_with(CANARY, tmp_path) == []
        gemtap.start()
        while_the_desk_is_dead(gemtap, upstream)
        items = gemtap.newest(len(KINDS) + len(answers) + 2 + len(ways) + len(KINDS[::20]))
        for kind, item in zip(KINDS, items, strict=False):
            side = "request" if kind.direction == "request" else "response"
            assert gemtap.bytes_of(item["id"], side).count(b"[redacted:") == len(kind.canaries), kind
        pages = ["/", "/threads", "/analytics", "/health", "/api/interactions", "/api/threads"]
        pages += [f"/interactions/{item['id']}" for item in items]
        pages += [f"/api/interactions/{item['id']}" for item in items]
        for page in pages:
            assert not CANARY.search(gemtap.get(page)[1]), page
        for form in ("jsonl", "har", "csv"):
            command = [sys.executable, "-m", "gemtap", "export", form, *gemtap.reading]
            exported = subprocess.run(command, capture_output=True, timeout=200, check=True).stdout
            assert b"[redacted" in exported or form == "csv"
            assert not CANARY.search(exported), form
        subprocess.run(
            [sys.executable, "-m", "gemtap", "export", "parquet", "--bodies", "-o", tmp_path / "all", *gemtap.reading],
            timeout=200,
            check=True,
        )
        assert not CANARY.search(str(pyarrow.parquet.read_table(tmp_path / "all").to_pylist()).encode())
    finally:
        gemtap.close()
    assert files_with(CANARY, tmp_path) == []
    values = [*sqlite_values(tmp_path), *mongodb_values(mongod, database)]
    assert any(b"[redacted:" in value for value in values)
    assert [value[:200] for value in values if CANARY.search(value)] == []


def test_no_secret_field_of_a_live_session_is_anywhere(tmp_path: Path) -> None:
    """Messages of both sides, as text and as bytes."""
    live = LiveUpstream()
    gemtap = RunningGemtap(tmp_path, live.origin, "--log-level", "debug")
    try:
        for kind in SESSIONS:
            converse(gemtap, live, kind)
        for item in gemtap.newest(len(SESSIONS)):
            for page in (f"/interactions/{item['id']}", f"/api/interactions/{item['id']}"):
                assert not CANARY.search(gemtap.get(page)[1]), page
            assert b"[redacted:" in gemtap.bytes_of(item["id"], "request")
    finally:
        gemtap.close()
        live.close()
    assert SESSIONS
    assert files_with(CANARY, tmp_path) == []
    assert [value[:200] for value in sqlite_values(tmp_path) if CANARY.search(value)] == []
