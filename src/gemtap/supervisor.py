"""`gemtap serve`: starts the tap and the desk, monitors and restarts them, and shuts both down in order.

The supervisor binds the listening sockets and its children inherit them, so that connections that arrive while a child
restarts wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from gemtap.access.key_file import KeyFile
from gemtap.data_dir_lock import DataDirInUse, data_dir_lock
from gemtap.environment_proxy import BadProxy, environment_proxy
from gemtap.settings import Settings, address_of, served_settings_of

_log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0

_STEADY_AFTER: Final = 30.0
"""Uptime in seconds after which the death of a child resets the restart delay."""

_MOST_FAILED_STARTS: Final = 5
"""Number of consecutive deaths before readiness after which a child is considered unable to start."""

_DESK_GRACE: Final = 10.0
"""Seconds that the desk has to record the remaining captures of the tap."""

_PORT_PATIENCE: Final = 5.0
"""Seconds to wait for the ports of a killed `gemtap serve`, whose children close them when they notice."""


class CannotServe(Exception):
    """Serving is impossible. One line: why, and what to do."""


class _PortTaken(CannotServe):
    """Another process listens on the port."""


@dataclass
class _Child:
    """One child process, and the history of its starts."""

    name: str
    module: str
    listener: socket.socket
    process: asyncio.subprocess.Process | None = None
    failed_starts: int = 0
    pause: float = _FIRST_PAUSE
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, settings: Settings) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            str(self.listener.fileno()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(self.listener.fileno(),),
            # Ctrl-C goes to the whole foreground process group, but the children must be stopped in order.
            start_new_session=True,
        )
        assert self.process.stdin is not None
        # Not on the command line, where every user of the machine could read the store's password.
        self.process.stdin.write(settings.model_dump_json().encode() + b"\n")

    async def until_it_ends(self) -> int:
        """Wait for the process to exit, noting when it becomes ready. Returns its exit status."""
        assert self.process is not None
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if line.strip() == b"ready":
                self.failed_starts = 0
                self.ready.set()
        return await self.process.wait()

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.returncode is None:
            try:
                self.process.send_signal(number)
            except ProcessLookupError:
                pass


class Supervisor:
    """The parent process of the tap and the desk."""

    def __init__(self, settings: Settings, *, on_ready: Callable[[], None]) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._stopping = asyncio.Event()
        self._taps: list[_Child] = []
        self._desk: _Child | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises CannotServe."""
        _check(self._settings)
        with ExitStack() as stack:
            patience = _PORT_PATIENCE if stack.enter_context(_locked(self._settings)) else 0
            self._settings = _with_certificate(self._settings)
            _warn_of_proxies(self._settings)
            _raise_open_file_limit()
            tap_listener = stack.enter_context(
                await _listen(self._settings.host, self._settings.port, "--port", patience)
            )
            desk_listener = stack.enter_context(
                await _listen(self._settings.host, self._settings.dashboard_port, "--dashboard-port", patience)
            )
            self._taps = [
                _Child(f"tap {number + 1}", "gemtap.tap.entry", tap_listener)
                for number in range(self._settings.workers)
            ]
            self._desk = _Child("desk", "gemtap.desk", desk_listener)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
            try:
                await self._watch()
            except* CannotServe as group:
                raise group.exceptions[0] from None

    async def _watch(self) -> None:
        assert self._desk is not None
        async with asyncio.TaskGroup() as tasks:
            taps = [tasks.create_task(self._keep_running(tap)) for tap in self._taps]
            desk = tasks.create_task(self._keep_running(self._desk))
            announcing = tasks.create_task(self._announce())
            await self._stopping.wait()
            announcing.cancel()
            # First the taps, so that the desk can record their remaining captures.
            await asyncio.gather(*taps)
            self._desk.signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_DESK_GRACE):
                    await asyncio.shield(desk)
            except TimeoutError:
                # Nothing is lost: captures that are not recorded yet wait in the spool for the next start.
                self._desk.signal(signal.SIGKILL)

    async def _announce(self) -> None:
        assert self._desk is not None
        for child in (*self._taps, self._desk):
            await child.ready.wait()
        self._on_ready()

    async def _keep_running(self, child: _Child) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set():
                child.ready.clear()
                child.failed_starts += 1
                started_at = loop.time()
                await child.start(self._settings)
                if self._stopping.is_set() and child is not self._desk:
                    child.signal(signal.SIGTERM)
                status = await child.until_it_ends()
                if self._stopping.is_set():
                    return
                if child.failed_starts >= _MOST_FAILED_STARTS:
                    raise CannotServe(f"The {child.name} process cannot start: see its last lines above.")
                if loop.time() - started_at > _STEADY_AFTER:
                    child.pause = _FIRST_PAUSE
                _log.error("The %s process ended (%s). Starting it again.", child.name, _describe(status))
                await self._pause(child)
        finally:
            # Cancelled because the other child cannot start.
            child.signal(signal.SIGTERM)

    async def _pause(self, child: _Child) -> None:
        try:
            async with asyncio.timeout(child.pause):
                await self._stopping.wait()
        except TimeoutError:
            child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Let running exchanges finish and exit. At the second call, exit at once."""
        if self._stopping.is_set() and self._desk is not None:
            _log.warning("Stopping immediately.")
            # The desk keeps running while taps are exiting, and is stopped after them.
            if not any(tap.process and tap.process.returncode is None for tap in self._taps):
                self._desk.signal(signal.SIGTERM)
        self._stopping.set()
        for tap in self._taps:
            tap.signal(signal.SIGTERM)


def _describe(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _check(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = settings.data_dir / f".writable-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as exc:
        raise _not_writable(settings, exc) from exc
    if settings.is_exposed:
        _check_exposed(settings)


def _check_exposed(settings: Settings) -> None:
    """Others than this machine can connect: they must have keys, which no network may show. Raises CannotServe."""
    missing = []
    try:
        if not KeyFile(settings.data_dir).read().keys:
            missing.append("an access key (gemtap keys add NAME --role admin)")
    except OSError as exc:
        raise CannotServe(str(exc)) from exc
    if settings.scheme != "https" and not settings.behind_tls:
        missing.append(
            "TLS (--tls auto or --tls-cert; --behind-tls if a reverse proxy in front of Gemtap terminates it)"
        )
    if missing:
        raise CannotServe(
            f"On {settings.published_on or settings.host}, other machines can connect to Gemtap. That needs "
            f"{' and '.join(missing)}. Use --host 127.0.0.1 for this machine alone. See docs/access.md."
        )


def _not_writable(settings: Settings, exc: OSError) -> CannotServe:
    return CannotServe(
        f"The data directory {settings.data_dir} is not writable ({exc.strerror}). "
        "Choose another with --data-dir or fix its permissions."
    )


@contextmanager
def _locked(settings: Settings) -> Iterator[bool]:
    """Lock the data directory. Yields whether the previous `gemtap serve` was killed. Raises CannotServe."""
    with ExitStack() as stack:
        try:
            was_killed = stack.enter_context(
                data_dir_lock(settings.data_dir, address_of(settings), served_settings_of(settings))
            )
        except DataDirInUse as exc:
            raise CannotServe(str(exc)) from exc
        except OSError as exc:
            raise _not_writable(settings, exc) from exc
        yield was_killed


def _with_certificate(settings: Settings) -> Settings:
    """The settings with the paths of certificate files. A local certificate is created once for all processes."""
    try:
        if settings.tls == "auto":
            # Importing cryptography takes 0.1 s, so only do it if it is needed.
            from gemtap.tls import local_certificate

            made = local_certificate(settings.tls_folder, settings.tls_names)
            return settings.model_copy(update={"tls": "off", "tls_cert": made.certificate, "tls_key": made.key})
        if settings.tls_cert is not None:
            for path in (settings.tls_cert, settings.tls_key):
                # ssl does not say which of the files it could not read.
                assert path is not None
                path.read_bytes()
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except ssl.SSLError as exc:
        raise CannotServe(
            f"{settings.tls_cert} and {settings.tls_key} are not a certificate chain and its private key, both in PEM "
            f"({exc.reason or exc})."
        ) from exc
    except OSError as exc:
        raise CannotServe(
            f"The TLS certificate cannot be used: {exc.filename}: {exc.strerror}. See --tls-cert, --tls-key and --tls."
        ) from exc
    except ValueError as exc:
        raise CannotServe(f"The TLS certificate cannot be used: {exc}. See --tls-cert, --tls-key and --tls.") from exc
    return settings


async def _listen(host: str, port: int, flag: str, patience: float) -> socket.socket:
    """Create a listening socket. A port in use is retried for `patience` seconds. Raises CannotServe."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return _bind(host, port, flag)
        except _PortTaken:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


def _bind(host: str, port: int, flag: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as exc:
        raise CannotServe(f"--host {host} is not an address of this machine ({exc.strerror}).") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise _PortTaken(
                f"Port {port} on {host} is in use, perhaps by another Gemtap. Choose another with {flag}."
            ) from exc
        raise CannotServe(f"Cannot listen on {host} port {port}: {exc.strerror}. See --host and {flag}.") from exc
    listener.setblocking(False)
    return listener


def _warn_of_proxies(settings: Settings) -> None:
    """Say at once which upstreams cannot be reached because the environment names a proxy that cannot be used."""
    for provider, upstream in settings.providers.upstreams().items():
        try:
            environment_proxy(upstream.replace("{location}-", ""))
        except BadProxy as exc:
            _log.warning("The upstream of %s cannot be reached: %s", provider, exc)


def _raise_open_file_limit() -> None:
    """Raise the limit of open files. An exchange needs three (client, upstream, capture), so the default allows 340."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as exc:
        _log.warning("The limit on open files stays at %d (%s): about %d exchanges at once.", soft, exc, soft // 3)
