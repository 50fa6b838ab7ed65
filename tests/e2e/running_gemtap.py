"""A real `gemtap serve`, and the simulated API in a separate process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tests.ports import free_port

PATIENCE = 120.0
"""Seconds after which a test stops waiting."""

T = TypeVar("T")


def eventually(find: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Call `find` until it returns something other than None. A refused connection counts as None."""
    deadline = time.monotonic() + patience
    while True:
        try:
            found = find()
        except (OSError, http.client.HTTPException):
            found = None
        if found is not None:
            return found
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def is_free(port: int) -> bool:
    """Whether no process listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class SimulatedApi:
    """`python -m gemtap.demo.upstream`."""

    def __init__(self, *options: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gemtap.demo.upstream", *options],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        assert self._process.stdout is not None
        self.origin = self._process.stdout.readline().removeprefix("listening on ").strip()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


class RunningGemtap:
    """A running Gemtap: its process, ports and API. Closing it leaves no process behind."""

    def __init__(self, folder: Path, upstream: str, *flags: str, **environment: str) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "serve.log"
        self.port, self.dashboard_port = free_port(), free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "gemtap", "serve", "--data-dir", str(self.data_dir)),
            *("--port", str(self.port), "--dashboard-port", str(self.dashboard_port)),
            *("--upstream", f"gemini={upstream}", *flags),
        ]
        self.reading = ("--data-dir", str(self.data_dir), *_store_flag(flags))
        """Flags that make other commands use its store."""
        self.environment = {
            "GEMTAP_DATA_DIR": str(self.data_dir),
            "GEMTAP_PORT": str(self.port),
            "GEMTAP_DASHBOARD_PORT": str(self.dashboard_port),
            "GEMTAP_PROVIDERS__GEMINI__UPSTREAM": upstream,
            **({"GEMTAP_STORE": _store_flag(flags)[1]} if _store_flag(flags) else {}),
        }
        """Variables that make other commands use its settings."""
        self._environment = os.environ | environment
        self._folder = folder
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it. Returns when both of its processes answer."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, env=self._environment
            )
        # It binds the ports before it starts its processes. Until then, those of a killed one can still answer.
        eventually(lambda: (self._is_running() and len(self.children()) == 2) or None)
        for port, path in ((self.port, "/_gemtap/health"), (self.dashboard_port, "/healthz")):
            eventually(lambda port=port, path=path: self._answers(port, path))  # type: ignore[misc]
        return self.process

    def _is_running(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return True

    def _answers(self, port: int, path: str) -> bool | None:
        return (self._is_running() and _get(port, path)[0] == 200) or None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a path of the dashboard."""
        return _get(self.dashboard_port, path)

    def api(self, path: str) -> Any:
        """The JSON response of `/api/PATH`."""
        status, body = self.get(f"/api/{path}")
        assert status == 200, body
        return json.loads(body)

    def ready(self) -> Any:
        """The JSON response of `/readyz`."""
        return json.loads(self.get("/readyz")[1])

    def interaction(self, id_: str) -> Any:
        """Wait until the interaction is recorded, and return its document."""
        return eventually(lambda: self._recorded(f"/api/interactions/{id_}"))

    def _recorded(self, path: str) -> Any:
        status, body = self.get(path)
        return json.loads(body) if status == 200 else None

    def bytes_of(self, id_: str, side: str) -> bytes:
        """The exact bytes of a body."""
        status, body = self.get(f"/api/interactions/{id_}/{side}")
        assert status == 200, body
        return body

    def newest(self, count: int) -> list[Any]:
        """Wait for this number of interactions, and return the newest, oldest first."""
        return eventually(lambda: self._newest(count))

    def _newest(self, count: int) -> list[Any] | None:
        items = self.api(f"interactions?limit={count}")["items"]
        return items[::-1] if len(items) == count else None

    def processes(self, module: str) -> list[int]:
        """Process ids of the children that run a module."""
        return [pid for pid, command in self._commands() if module in command]

    def _commands(self) -> Iterator[tuple[int, str]]:
        """Process id and command line of each child. Tests ask so often that `ps` would take a tenth of their time."""
        pid = self.process.pid
        with suppress(OSError):  # it has ended
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with suppress(OSError):
                    yield int(child), Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")

    def children(self) -> dict[str, int]:
        """Process ids of the tap and the desk."""
        modules = {"tap": "gemtap.tap.entry", "desk": "gemtap.desk"}
        return {name: pid for pid, command in self._commands() for name in modules if modules[name] in command}

    def stop(self) -> int:
        """Stop it with SIGTERM. Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()  # its children notice and exit by themselves
                self.process.wait(PATIENCE)


def _store_flag(flags: tuple[str, ...]) -> tuple[str, ...]:
    return flags[(at := flags.index("--store")) : at + 2] if "--store" in flags else ()


def _get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
