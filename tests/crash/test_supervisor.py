"""Processes that really die: what is under way, what comes next, and what is left behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import add
from gemtap.low_priority import NICE
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually
from tests.mongod import Mongod
from tests.ports import free_port
from tests.wire.peers import Head, Peer, request

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
STALL = "/v1beta/models/fault-stall:streamGenerateContent?alt=sse"
BODY = b'{"contents":[{"role":"user","parts":[{"text":"Why is the sky blue?"}]}]}'


@pytest.fixture(scope="module")
def api() -> Iterator[SimulatedApi]:
    api = SimulatedApi("--pace", "0.1")
    yield api
    api.stop()


@pytest.fixture
def start(api: SimulatedApi, tmp_path: Path) -> Iterator[Callable[..., RunningGemtap]]:
    started: list[RunningGemtap] = []

    def start(*flags: str, **environment: str) -> RunningGemtap:
        started.append(RunningGemtap(tmp_path, api.origin, *flags, **environment))
        return started[-1]

    yield start
    for gemtap in started:
        gemtap.close()


def ask(gemtap: RunningGemtap, target: str = GENERATE) -> str:
    """A whole exchange; its id."""
    with Peer.to(gemtap.port) as client:
        client.send(request(target, "x-goog-api-key: any", "Content-Type: application/json", body=BODY))
        head, _ = client.take_response()
    assert head.status == 200
    return id_of(head)


def begin_stream(gemtap: RunningGemtap, target: str = STREAM) -> tuple[Peer, str]:
    """A client that has got the first chunk of its answer."""
    client = Peer.to(gemtap.port)
    client.send(request(target, "x-goog-api-key: any", "Content-Type: application/json", body=BODY))
    head = client.take_head()
    assert client.take_chunk()
    return client, id_of(head)


def id_of(head: Head) -> str:
    id_ = head.value(b"x-gemtap-id")
    assert id_ is not None
    return id_.decode()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_tap_that_is_killed_is_started_again(start: Callable[..., RunningGemtap]) -> None:
    """Connections that come meanwhile wait instead of being refused; what was under way is recorded as interrupted."""
    gemtap = start()
    client, cut = begin_stream(gemtap, STALL)
    first = gemtap.children()["tap"]
    os.kill(first, signal.SIGKILL)
    after = ask(gemtap)
    client.take_rest()
    client.close()
    assert gemtap.children()["tap"] != first
    assert gemtap.interaction(after)["outcome"] == "complete"
    document = gemtap.interaction(cut)
    assert document["outcome"] == "interrupted"
    assert document["response"]["body"]["candidates"]


def test_a_desk_that_is_killed_is_started_again(start: Callable[..., RunningGemtap]) -> None:
    """The traffic does not notice."""
    gemtap = start()
    client, streamed = begin_stream(gemtap)
    os.kill(gemtap.children()["desk"], signal.SIGKILL)
    ids = [ask(gemtap) for _ in range(5)]
    client.take_chunks()
    client.close()
    for id_ in (streamed, *ids):
        assert gemtap.interaction(id_)["outcome"] == "complete"
    assert len(gemtap.api("interactions")["items"]) == 6


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="priorities of sessions are Linux's")
def test_the_desk_gives_way_to_the_tap(start: Callable[..., RunningGemtap]) -> None:
    """The desk has a lower priority than the tap, and so has its session, among which Linux shares processors first."""
    children = start().children()
    tap, desk = children["tap"], children["desk"]
    assert os.getpriority(os.PRIO_PROCESS, tap) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, desk) >= NICE
    assert (os.sched_getscheduler(tap), os.sched_getscheduler(desk)) == (os.SCHED_OTHER, os.SCHED_BATCH)
    autogroup = Path(f"/proc/{desk}/autogroup")
    if autogroup.exists():
        assert autogroup.read_text().endswith(f"nice {NICE}\n")
        assert not Path(f"/proc/{tap}/autogroup").read_text().endswith(f"nice {NICE}\n")


def test_nothing_is_left_of_a_supervisor_that_is_killed(start: Callable[..., RunningGemtap]) -> None:
    """Its children end by themselves, the ports are free, and the next start records what was left."""
    gemtap = start(GEMTAP_SHUTDOWN_GRACE="0.5")
    whole = [ask(gemtap) for _ in range(3)]
    client, cut = begin_stream(gemtap, STALL)
    children = gemtap.children().values()
    gemtap.process.kill()
    gemtap.process.wait(PATIENCE)
    client.take_rest()
    client.close()
    eventually(lambda: not any(is_alive(pid) for pid in children) or None)
    gemtap.start()
    for id_ in whole:
        assert gemtap.interaction(id_)["outcome"] == "complete"
    assert gemtap.interaction(cut)["outcome"] == "shutdown"


def test_a_second_serve_on_the_same_data_directory_is_refused(start: Callable[..., RunningGemtap]) -> None:
    """One line says which process has it, since when and where; the first one goes on."""
    gemtap = start()
    data_dir = str(gemtap.data_dir)
    ports = ("--port", str(free_port()), "--dashboard-port", str(free_port()))
    ended = serve(gemtap.data_dir.parent, "--data-dir", data_dir, *ports)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"gemtap: The data directory {data_dir} is in use by another `gemtap serve`: ")
    assert f"process {gemtap.process.pid} on {socket.gethostname()}, since 20" in ended.stderr
    assert f"proxy at http://localhost:{gemtap.port}. " in ended.stderr
    assert "--data-dir" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert gemtap.interaction(ask(gemtap))["outcome"] == "complete"
    assert "in use" not in gemtap.log.read_text()


def test_a_supervisor_that_is_killed_is_started_again_at_once(start: Callable[..., RunningGemtap]) -> None:
    """Neither its lock nor the ports that its children still have stand in the way."""
    gemtap = start()
    client, cut = begin_stream(gemtap)
    gemtap.process.kill()
    gemtap.process.wait(PATIENCE)
    gemtap.start()
    # The children of the one before may have answered that it runs. It has the ports when it has children.
    eventually(lambda: len(gemtap.children()) == 2 or None)
    assert b"STOP" in client.take_chunks()
    client.close()
    for id_ in (cut, ask(gemtap)):
        assert gemtap.interaction(id_)["outcome"] == "complete"


def test_several_workers_share_the_port(start: Callable[..., RunningGemtap]) -> None:
    """One that is killed takes nobody else's answer with it."""
    gemtap = start("--workers", "3")
    streams = [begin_stream(gemtap, STALL) for _ in range(12)]
    workers = gemtap.processes("gemtap.tap.entry")
    assert len(workers) == 3
    os.kill(workers[0], signal.SIGKILL)
    ids = [ask(gemtap) for _ in range(6)]
    for client, _ in streams:
        client.close()
    for id_ in ids:
        assert gemtap.interaction(id_)["outcome"] == "complete"
    outcomes = {gemtap.interaction(id_)["outcome"] for _, id_ in streams}
    assert outcomes <= {"interrupted", "client_disconnected"}
    assert len(gemtap.processes("gemtap.tap.entry")) == 3


def test_sigterm_lets_an_answer_finish(start: Callable[..., RunningGemtap]) -> None:
    """After SIGTERM, a running response is completed."""
    gemtap = start()
    client, id_ = begin_stream(gemtap)
    gemtap.process.send_signal(signal.SIGTERM)
    assert b"STOP" in client.take_chunks()
    client.close()
    assert gemtap.process.wait(PATIENCE) == 0
    gemtap.start()
    assert gemtap.interaction(id_)["outcome"] == "complete"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(start: Callable[..., RunningGemtap], number: signal.Signals) -> None:
    """Whatever the grace: the answer is broken off, and its record says why."""
    gemtap = start("--shutdown-grace", "600")
    client, id_ = begin_stream(gemtap, STALL)
    gemtap.process.send_signal(number)
    eventually(lambda: not takes_connections(gemtap.port) or None)
    gemtap.process.send_signal(number)
    assert gemtap.process.wait(PATIENCE) == 0
    client.take_rest()
    client.close()
    gemtap.start()
    assert gemtap.interaction(id_)["outcome"] == "shutdown"


def takes_connections(port: int) -> bool:
    """Whether an exchange is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.3)
    try:
        connection.request("GET", "/_gemtap/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_what_cannot_start_ends_with_the_reason(api: SimulatedApi, tmp_path: Path) -> None:
    """A tap whose data is damaged: tried a few times, then an end with words, and nothing left running."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "fingerprint.key").write_bytes(b"short")
    ended = serve(tmp_path, "--data-dir", str(data), "--port", str(free_port()), "--dashboard-port", str(free_port()))
    assert ended.returncode == 1
    assert "fingerprint.key is damaged" in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("gemtap: The tap 1 process cannot start")
    assert "Traceback" not in ended.stderr.strip().splitlines()[-1]


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    """A port in use is reported in one line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = serve(tmp_path, "--port", str(port), "--dashboard-port", str(free_port()))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"gemtap: Port {port} on 127.0.0.1 is in use, perhaps by another Gemtap.")
    assert "--port" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_listening_to_others_takes_keys_and_tls(tmp_path: Path) -> None:
    """Addresses that others can reach need an access key and TLS; the error says which is missing, and what to use."""
    ended = serve(tmp_path, "--host", "0.0.0.0")
    assert ended.returncode == 1
    assert "gemtap keys add" in ended.stderr
    assert "--tls auto" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    KeyFile(tmp_path / "data").change(lambda before: add(before, "ana", "admin", None, datetime.now(UTC)))
    ended = serve(tmp_path, "--host", "0.0.0.0")
    assert ended.returncode == 1
    assert "gemtap keys add" not in ended.stderr
    assert "--behind-tls" in ended.stderr


def test_what_was_insecure_says_what_to_use_instead(tmp_path: Path) -> None:
    """The flag of earlier versions names keys, TLS and the setting for containers."""
    ended = serve(tmp_path, "--insecure")
    assert ended.returncode == 2
    assert all(each in ended.stderr for each in ("gemtap keys add", "--behind-tls", "published_on"))


def serve(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gemtap", "serve", *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=PATIENCE, check=False)


def test_mongod_may_die_and_come_back(start: Callable[..., RunningGemtap], tmp_path: Path) -> None:
    """The clients do not notice, `/readyz` does, and everything is there afterwards, once."""
    mongod = Mongod(tmp_path / "mongod")
    mongod.start()
    try:
        gemtap = start("--store", f"{mongod.url}/outage")
        ids = [ask(gemtap) for _ in range(5)]
        gemtap.interaction(ids[-1])
        mongod.kill()
        ids += [ask(gemtap) for _ in range(10)]
        waiting = eventually(lambda: ready if (ready := gemtap.ready())["backlog"] >= 10 else None)
        assert waiting["status"] == "degraded"
        assert str(mongod.port) in waiting["error"]
        assert waiting["oldest_age_s"] is not None
        mongod.start()
        for id_ in ids:
            assert gemtap.interaction(id_)["outcome"] == "complete"
        assert len(gemtap.api("interactions")["items"]) == len(ids)
        assert eventually(lambda: ready if (ready := gemtap.ready())["status"] == "ok" else None)["backlog"] == 0
    finally:
        mongod.stop()


def test_a_store_that_is_away_at_the_start_is_no_obstacle(start: Callable[..., RunningGemtap], tmp_path: Path) -> None:
    """Gemtap starts and forwards while its store is unreachable."""
    mongod = Mongod(tmp_path / "mongod")
    gemtap = start("--store", f"{mongod.url}/late")
    try:
        id_ = ask(gemtap)
        assert gemtap.ready()["status"] == "degraded"
        mongod.start()
        assert gemtap.interaction(id_)["outcome"] == "complete"
    finally:
        gemtap.close()
        mongod.stop()


def test_killing_at_random_loses_nothing(start: Callable[..., RunningGemtap]) -> None:
    """Tap and desk, one after the other, while exchanges go on: each answered one is recorded, and only once."""
    gemtap = start()
    answered = []
    victims = ["tap", "desk", "desk", "tap", "tap", "desk"]
    for victim in victims:
        for n in range(12):
            try:
                answered.append(ask(gemtap))
            except (OSError, EOFError):
                continue  # it was under way in the tap that was killed
            if n == 5:
                os.kill(eventually(lambda victim=victim: gemtap.children().get(victim)), signal.SIGKILL)  # type: ignore[misc]
            time.sleep(0.02)
    assert len(answered) > 10 * len(victims)
    for id_ in answered:
        assert gemtap.interaction(id_)["outcome"] == "complete"
    listed = [item["id"] for item in gemtap.api("interactions?limit=500")["items"]]
    assert len(listed) == len(set(listed))
    assert set(answered) <= set(listed)
    assert gemtap.ready()["failed"] == 0
