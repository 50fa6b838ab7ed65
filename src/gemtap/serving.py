"""A child of `gemtap serve`: a uvicorn server on an inherited socket, which exits when its parent dies.

The parent writes the settings as one line of JSON to the child's standard input and keeps the pipe open: end of file
means that the parent is dead, however it died. The child writes `ready` to its standard output.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any, Final

import uvicorn

from gemtap.addresses import mask_in
from gemtap.providers.configured import register
from gemtap.settings import Settings

_LAST_WORDS: Final = 2.0
"""Seconds that cancelled exchanges have to complete their captures."""


def child_settings() -> Settings:
    """Read the settings that the parent sent, and register their providers."""
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    register(settings.providers.definitions)
    return settings


def log_to_stderr(settings: Settings, name: str) -> None:
    """Log to stderr, with the name of the process in each line. No log message contains data from a client.

    `debug` applies to Gemtap's own loggers only: libraries would log complete handshakes and commands, including keys.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.getLogger("gemtap").setLevel(level)
    log_without_passwords(f"%(asctime)s %(levelname)s {name}: %(message)s", max(level, logging.INFO))


class _WithoutPasswords(logging.Formatter):
    """Lines and tracebacks with `***` for the passwords of addresses: libraries repeat what they cannot reach."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_in(super().format(record))


def log_without_passwords(form: str, level: int | str) -> None:
    """Log to standard error in this form, with no password of any address in it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutPasswords(form))
    logging.basicConfig(level=level, handlers=[handler], force=True)


class ChildServer(uvicorn.Server):
    """uvicorn's server with a shutdown that completes the capture of every exchange."""

    def __init__(self, config: uvicorn.Config, *, grace: float) -> None:
        super().__init__(config)
        self._grace = grace
        # Not inherited by this process's own children: for the parent, the end of this pipe is the end of this process.
        self._to_parent = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_exit = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets exchanges finish; a second one ends them at once."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_exchanges if self.should_exit else self._told_to_exit.set)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Report readiness once connections are accepted, and from then on watch for the death of the parent."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._loop.add_reader(sys.stdin.fileno(), self._parent_died)
        self._tell_the_parent()

    async def main_loop(self) -> None:
        """Wait until told to exit. uvicorn's looks ten times a second, for this and for headers that Gemtap has not."""
        await self._told_to_exit.wait()

    def _tell_the_parent(self) -> None:
        try:
            os.write(self._to_parent, b"ready\n")
        except BrokenPipeError:
            # The parent has died. Connections are already being accepted, so shut down in the usual order.
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, let exchanges finish for the grace period, then cancel them."""
        assert self._loop is not None
        timer = self._loop.call_later(self._grace, self._end_exchanges)
        await super().shutdown(sockets)
        timer.cancel()

    def _end_exchanges(self) -> None:
        assert self._loop is not None
        for task in list(self.server_state.tasks):
            task.cancel()
        self._loop.call_later(_LAST_WORDS, setattr, self, "force_exit", True)

    def _parent_died(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            assert self._loop is not None
            self._loop.remove_reader(sys.stdin.fileno())
            self.should_exit = True
            self._told_to_exit.set()


def _tune_garbage_collection() -> None:
    """Exclude imported objects from garbage collection: traversing them caused pauses of 50 ms under load."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run_child(app: Any, settings: Settings, *, grace: float, **config: Any) -> None:
    """Serve the application on the socket whose descriptor is the first argument, until told to exit."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    # A signal before uvicorn installs its handlers must not leave a half-started process behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _tune_garbage_collection()
    server = ChildServer(
        uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            access_log=False,  # access logs would contain ?key=
            server_header=False,
            date_header=False,
            proxy_headers=False,
            **{"ws": "none", **config},
        ),
        grace=grace,
    )
    server.run(sockets=[listener])
