"""A real tap process, started as the supervisor does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from bson import ObjectId

from gemtap.capture.events import Event, read_events
from gemtap.settings import Providers, ProviderSettings, Settings
from tests.spooled import ended, under_way
from tests.wire.peers import PATIENCE, Head, Peer, eventually


class RunningTap:
    """A running tap: its process, port and captures."""

    def __init__(
        self, data_dir: Path, upstream: str, environment: dict[str, str] | None = None, **settings: Any
    ) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.settings = Settings(
            data_dir=data_dir,
            providers=settings.pop("providers", Providers(gemini=ProviderSettings(upstream=upstream))),
            port=self.port,
            **settings,
        )
        self.spool = self.settings.spool_dir
        self.log = data_dir.parent / f"{data_dir.name}-tap.log"
        self.environment = environment or {}
        self._forgotten: set[ObjectId] = set()
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process on the same socket and data directory. Returns when it accepts connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gemtap.tap.entry", str(self.listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(self.listener.fileno(),),
                env=os.environ | self.environment,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(self.settings.model_dump_json().encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"ready\n", self.log.read_text()
        return self.process

    def connect(self) -> Peer:
        return Peer.to(self.port)

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_gemtap/health", timeout=PATIENCE) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def captured(self, head: Head) -> Captured:
        """Wait for the capture of the exchange with this response."""
        id_ = head.value(b"x-gemtap-id")
        assert id_ is not None
        return self.capture_of(id_.decode())

    def capture_of(self, id_: str) -> Captured:
        return Captured(eventually(lambda: ended(self.spool).get(ObjectId(id_))))

    def only_capture(self) -> Captured:
        """Wait for the single capture of an exchange that is over."""
        return Captured(eventually(lambda: next(iter(self.ended().values()), None)))

    def ended(self) -> dict[ObjectId, bytes]:
        """The captures of exchanges that are over, without those of earlier tests."""
        return {id_: capture for id_, capture in ended(self.spool).items() if id_ not in self._forgotten}

    def forget(self) -> None:
        """Pass over the captures of earlier tests from now on."""
        self._forgotten |= ended(self.spool).keys() | under_way(self.spool).keys()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self._close_pipes()

    def stop(self) -> int:
        """Stop it as the supervisor does. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self._close_pipes()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._close_pipes()
        self.listener.close()

    def _close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Captured:
    """A parsed capture."""

    def __init__(self, capture: bytes) -> None:
        self.bytes = capture
        self.events: list[Event] = list(read_events(self.bytes))

    def _value(self, kind: str) -> Any:
        return next((event.value for event in self.events if event.kind == kind), None)

    def body(self, side: str) -> bytes:
        kinds = (f"{side}.body", f"{side}.decoded")
        return b"".join(event.value for event in self.events if event.kind in kinds)

    @property
    def request(self) -> dict[str, Any]:
        value: dict[str, Any] = self._value("request")
        return value

    @property
    def response(self) -> dict[str, Any] | None:
        value: dict[str, Any] | None = self._value("response")
        return value

    @property
    def end(self) -> dict[str, Any]:
        value: dict[str, Any] = self._value("end")
        return value

    @property
    def outcome(self) -> str | None:
        """Outcome of the exchange, or None if the tap died before its end."""
        end = self._value("end")
        return end and str(end["outcome"])
