"""Commands run as processes beside a running Gemtap."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually
from tests.ports import free_port
from tests.spooled import ended
from tests.wire.peers import Peer, request

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"


def ask(gemtap: RunningGemtap, text: str) -> str:
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
    with Peer.to(gemtap.port) as client:
        client.send(request(GENERATE, "x-goog-api-key: any", "Content-Type: application/json", body=body))
        id_ = client.take_response()[0].value(b"x-gemtap-id")
    assert id_ is not None
    return id_.decode()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gemtap", *arguments]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, text=True, cwd=folder, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_tail_shows_each_interaction_once_and_at_once(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """`gemtap tail` prints each interaction once, as soon as it is recorded."""
    before = [ask(gemtap, f"before {n}") for n in range(3)]
    gemtap.interaction(before[-1])
    with running(tmp_path, "tail", "--json", "-n", "2", *gemtap.reading) as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["id"] for _ in range(2)] == before[1:]
        after = [ask(gemtap, f"after {n}") for n in range(4)]
        assert sorted(json.loads(process.stdout.readline())["id"] for _ in range(4)) == sorted(after)
        last = ask(gemtap, "the last")
        assert json.loads(process.stdout.readline())["id"] == last
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == ""


def test_tail_prints_warnings(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """A limit that is reached is a line among the interactions, and an event with `--json`."""
    model, body = f"tail-{gemtap.port}", b'{"contents":[{"parts":[{"text":"Why?"}]}]}'
    limit = ("limits", "set", f"model:{model}", "--requests", "1/month", *gemtap.reading)
    with (
        running(tmp_path, "tail", "-n", "0", *gemtap.reading) as plain,
        running(tmp_path, "tail", "--json", "-n", "0", *gemtap.reading) as as_json,
    ):
        assert run(tmp_path, *limit).returncode == 0
        # They follow from the moment on at which they print what is recorded.
        for process in (plain, as_json):
            assert process.stdout is not None
            ask(gemtap, "before")
            process.stdout.readline()
        with Peer.to(gemtap.port) as client:
            path = f"/v1beta/models/{model}:generateContent"
            client.send(request(path, "x-goog-api-key: any", "Content-Type: application/json", body=body))
            client.take_response()
        says = f"A limit is reached: requests of model:{model}, 1/month."
        assert plain.stdout is not None
        assert as_json.stdout is not None
        assert any("WARNING" in line and says in line for line in iter(plain.stdout.readline, ""))
        warning = next(event for line in iter(as_json.stdout.readline, "") if "kind" in (event := json.loads(line)))
        assert (warning["kind"], warning["message"].startswith(says)) == ("limit_warning", True)
    assert run(tmp_path, "limits", "unset", f"model:{model}", *gemtap.reading).returncode == 0


def test_tail_is_readable(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """A line of `gemtap tail` has status, model and prompt, without control characters."""
    gemtap.interaction(ask(gemtap, "Why is the \x1b[31msky\x07 blue?"))
    with running(tmp_path, "tail", "-n", "1", *gemtap.reading) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
    assert "200" in line
    assert "gemini-2.5-flash" in line
    assert "blue?" in line
    assert "\x1b" not in line
    assert "\x07" not in line


def test_doctor_and_health_are_content(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """`gemtap doctor` and `gemtap health` succeed for a healthy Gemtap."""
    ask(gemtap, "Are you well?")
    settings = gemtap.environment
    assert run(tmp_path, "health", **settings).returncode == 0
    told = eventually(lambda: done if (done := run(tmp_path, "doctor", **settings)).returncode == 0 else None).stdout
    for name in ("data directory", "disk", "upstream gemini", "store", "proxy", "recording", "spool"):
        assert name in told
    assert "GEMTAP_PORT" in told
    assert told.index("recording") < told.index("GEMTAP_PORT")
    others = {"GEMTAP_PORT": str(free_port()), "GEMTAP_DASHBOARD_PORT": str(free_port())}
    assert run(tmp_path, "health", **settings | others).returncode == 0
    told = run(tmp_path, "doctor", **settings | others).stdout
    assert f"runs with other settings: port {settings['GEMTAP_PORT']} (here {others['GEMTAP_PORT']})" in told
    assert "since its start" in told
    found = json.loads(run(tmp_path, "doctor", "--json", **settings).stdout)
    assert {each["verdict"] for each in found["findings"]} <= {"ok", "note"}


def test_doctor_names_each_fault_and_no_password(api: SimulatedApi, tmp_path: Path) -> None:
    """`gemtap doctor` reports every problem without printing a password."""
    done = run(
        tmp_path,
        "doctor",
        GEMTAP_STORE="mongodb://me:secret-word@127.0.0.1:1/gemtap?serverSelectionTimeoutMS=500",
        GEMTAP_PROVIDERS__GEMINI__UPSTREAM="http://127.0.0.1:1",
        GEMTAP_PORT=str(free_port()),
    )
    assert done.returncode == 1
    assert "127.0.0.1:1 cannot be reached: Connection refused. Check the network and proxies." in done.stdout
    assert "does not answer" in done.stdout
    assert "gemtap serve" in done.stdout
    assert "secret-word" not in done.stdout + done.stderr


def test_health_says_what_does_not_answer(tmp_path: Path) -> None:
    """`gemtap health` exits with 1 and names the process that does not answer."""
    done = run(tmp_path, "health", GEMTAP_PORT=str(free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith("gemtap: The proxy does not answer at http://127.0.0.1:")


def test_demo_needs_no_key(tmp_path: Path) -> None:
    """The demo records interactions, and leaves nothing behind after its end."""
    kept = tmp_path / "kept"
    ports = ("--port", str(free_port()), "--dashboard-port", str(free_port()))
    done = run(tmp_path, "demo", *ports, "--sessions", "2", "--exit", GEMTAP_DATA_DIR=str(kept))
    assert done.returncode == 0, done.stderr
    assert "gemtap setup" in done.stdout
    listed = json.loads(run(tmp_path, "ls", "--json", "-n", "100", "--data-dir", str(kept)).stdout)["items"]
    assert len(listed) > 5
    assert {item["client"]["name"] for item in listed} == {"Gemtap demo"}
    assert {item["provider"] for item in listed} >= {"gemini", "openai"}
    assert any(item["streaming"] for item in listed)
    assert any(item["error"] for item in listed)
    assert not ended(kept / "spool")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_ends_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """The demo exits with 0 on a signal and deletes its temporary folder."""
    ports = ("--port", str(free_port()), "--dashboard-port", str(free_port()))
    # A folder of its own: other demos may run meanwhile.
    with running(tmp_path, "demo", *ports, TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        assert "http://localhost:" in process.stdout.readline()
        process.stdout.readline()
        assert process.stdout.readline()
        assert list(tmp_path.glob("gemtap-demo-*"))
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert not list(tmp_path.glob("gemtap-demo-*"))
