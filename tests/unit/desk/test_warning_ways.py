"""A webhook and a command of the user's are told warnings."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gemtap.desk import warning_ways
from gemtap.desk.warning_ways import WarningWays
from gemtap.incident import IncidentKind, event
from gemtap.settings import Settings

pytestmark = pytest.mark.anyio


def settings_of(**values: Any) -> Settings:
    return Settings(**values)


class Hook(ThreadingHTTPServer):
    """A webhook that remembers what it was sent, and answers with a status."""

    def __init__(self, status: int) -> None:
        received: list[tuple[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.received = received
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret-path"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


async def tell(settings: Settings, *messages: str, enough: Any) -> None:
    """Tell warnings, and wait until it is enough."""
    ways = WarningWays(settings)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ways.run())
        for message in messages:
            ways.tell(event(IncidentKind.LIMIT_WARNING, message, None))
        while not enough():
            await asyncio.sleep(0.02)
        running.cancel()


async def test_a_webhook_gets_the_event_as_json(tmp_path: Path) -> None:
    """With a text that chat programs show."""
    hook = Hook(200)
    await tell(settings_of(data_dir=tmp_path, warn_webhook=hook.url), "a", "b", enough=lambda: len(hook.received) == 2)
    hook.close()
    path, body = hook.received[0]
    assert path == "/services/secret-path"
    assert (body["text"], body["message"], body["kind"]) == ("Gemtap: a", "a", "limit_warning")


@pytest.mark.parametrize("status", [500, 302, None], ids=str)
async def test_a_webhook_that_fails_is_logged_without_its_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    """The path is often the password; and nothing follows where a redirect leads."""
    hook = Hook(status or 200)
    if status is None:
        hook.close()
    settings = settings_of(data_dir=tmp_path, warn_webhook=hook.url)
    with caplog.at_level(logging.ERROR):
        await tell(settings, "a", enough=lambda: "warn_webhook" in caplog.text)
    if status is not None:
        hook.close()
    assert "secret-path" not in caplog.text
    assert f"http://127.0.0.1:{hook.server_port}" in caplog.text


async def test_a_command_gets_the_message_and_the_event(tmp_path: Path) -> None:
    """As its last argument, and on its standard input. No shell reads either."""
    script, out = tmp_path / "warn.py", tmp_path / "out"
    script.write_text(
        "import json, sys; print(json.dumps([sys.argv[1:], json.load(sys.stdin)]), file=open(sys.argv[1], 'w'))"
    )
    settings = settings_of(data_dir=tmp_path, warn_command=f"{sys.executable} {script} '{out}'")
    await tell(settings, "80 % of $(a) `limit`", enough=lambda: out.exists() and out.read_text().endswith("\n"))
    arguments, body = json.loads(out.read_text())
    assert arguments == [str(out), "80 % of $(a) `limit`"]
    assert body["message"] == "80 % of $(a) `limit`"


@pytest.mark.parametrize(
    ("command", "says"),
    [("/no/such/program", "cannot be started"), ("false", "exit status 1"), ("sleep 60 #", "took more than")],
)
async def test_a_command_that_fails_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, command: str, says: str
) -> None:
    """It is ended if it takes too long, and the next warning is told all the same."""
    monkeypatch.setattr(warning_ways, "_COMMAND_SECONDS", 0.3)
    command = command if command != "sleep 60 #" else f"{sys.executable} -c 'import time; time.sleep(60)'"
    settings = settings_of(data_dir=tmp_path, warn_command=command)
    with caplog.at_level(logging.ERROR):
        await tell(settings, "a", "b", enough=lambda: caplog.text.count(says) == 2)
