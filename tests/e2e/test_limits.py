"""Limits that a command sets hold at the proxy, are settled by the desk, and are warned of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually

ASK = "/v1beta/models/gemini-2.5-flash:generateContent"
LIMIT = 20_000


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """A webhook: its URL, and what it was sent."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()


@pytest.fixture(params=["sqlite", "mongodb"])
def gemtap(
    request: pytest.FixtureRequest, api: SimulatedApi, tmp_path: Path, hook: tuple[str, list[Any]]
) -> Iterator[RunningGemtap]:
    """Two taps and a desk, with a webhook for warnings."""
    store = ("--store", request.getfixturevalue("mongod_url")) if request.param == "mongodb" else ()
    running = RunningGemtap(tmp_path, api.origin, "--workers", "2", *store, GEMTAP_WARN_WEBHOOK=hook[0])
    yield running
    running.close()


def command(gemtap: RunningGemtap, *arguments: str) -> str:
    """What `gemtap limits` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", "limits", *arguments, *gemtap.reading],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(gemtap: RunningGemtap, number: int) -> tuple[int, Any, Any]:
    """Status, headers and JSON of an answer."""
    prompt = f"{number} " + "Why is the sky blue? " * 200
    body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": {"maxOutputTokens": 500}}
    request = urllib.request.Request(
        gemtap.origin + ASK, json.dumps(body).encode(), {"content-type": "application/json", "x-goog-api-key": "AIza-x"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, json.load(refusal)


def ask_until_refused(gemtap: RunningGemtap) -> Any:
    """The refusal, after at least one answer."""
    for number in range(100):
        status, headers, body = ask(gemtap, number)
        if status != 200:
            assert number > 0
            return status, headers, body["error"]
    raise AssertionError("nothing was refused")


def settled(gemtap: RunningGemtap) -> Any:
    """The limit, once everything is recorded."""

    def look() -> Any:
        (row,) = gemtap.api("limits")["items"]
        return row if row["reserved"] == 0 and gemtap.ready()["backlog"] == 0 else None

    return eventually(look)


def test_a_limit_of_the_command_holds_across_kills(gemtap: RunningGemtap, hook: tuple[str, list[Any]]) -> None:
    """What counts is what the answers say: never more than the limit, whoever is killed and restarted."""
    command(gemtap, "set", "all", "--tokens", f"{LIMIT}/month")
    eventually(lambda: gemtap.api("limits")["items"] or None)
    status, headers, error = ask_until_refused(gemtap)
    assert (status, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert int(headers["retry-after"]) > 0
    assert "tokens of everything, 20k/month" in error["message"]

    row = settled(gemtap)
    # What was sent before the taps knew the limit has no share in it.
    items = [each for each in gemtap.api("interactions?limit=200")["items"] if each.get("reserved")]
    assert items
    assert row["used"] == sum(each["tokens"]["total"] for each in items) <= LIMIT
    for each in items:
        (reserved,) = each["reserved"]
        assert (reserved["limit"], reserved["measure"]) == (row["id"], "tokens")
        assert reserved["amount"] >= each["tokens"]["output"]

    def steps() -> list[int]:
        """What was told of the limit."""
        return [each["details"]["step"] for each in hook[1] if each["kind"] == "limit_warning"]

    eventually(lambda: (100 in steps()) or None)
    os.kill(gemtap.children()["desk"], signal.SIGKILL)
    for pid in gemtap.processes("gemtap.tap.entry"):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: (len(gemtap.processes("gemtap.tap.entry")) == 2 and gemtap.get("/healthz")[0] == 200) or None)
    assert settled(gemtap)["used"] == row["used"]
    assert gemtap.stop() == 0
    gemtap.start()
    assert settled(gemtap)["used"] == row["used"]
    assert json.loads(command(gemtap, "ls", "--json"))["limits"][0]["used"] == row["used"]

    # Half, most and all of it were told once each, unless a step was jumped over.
    assert steps() == sorted(set(steps()))
    # The desk that has just started looks at the limits once a second.
    eventually(lambda: b"might exceed a limit: tokens of everything" in gemtap.get("/interactions")[1] or None)

    command(gemtap, "unset", "all")
    eventually(lambda: ask(gemtap, 0)[0] == 200 or None)
