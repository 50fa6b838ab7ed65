"""The Gemtap that a command of `gemtap run` uses, the command's environment, and what was recorded meanwhile."""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gemtap.cli.access_key import access_key_for, with_access_key
from gemtap.cli.app import Failed
from gemtap.cli.health import ask, desk_url, open_own, running, tap_url
from gemtap.cli.printing import dollars, in_short
from gemtap.cli.temporary_serve import LOCK_NAME, is_unused
from gemtap.interaction import iso
from gemtap.interception.child_environment import child_environment
from gemtap.providers.client_setup import clients_of
from gemtap.providers.registry import INSTALLED
from gemtap.settings import Settings, address_of, dashboard_of

_READY_WITHIN: Final = 60.0
_ENDS_WITHIN: Final = 20.0
_RECORDED_WITHIN: Final = 60.0
"""Seconds that a summary waits for recording, which gives way to all else on a busy machine. Ctrl-C ends it."""

_GRACE: Final = 3.0
"""Seconds that exchanges have which outlive the last command."""

_TIMEOUT: Final = 10.0

_LOOK_EVERY: Final = 0.1


class Session:
    """What a command runs with."""

    def __init__(
        self, settings: Settings, environment: dict[str, str], access_key: str | None, *, is_temporary: bool
    ) -> None:
        """`is_temporary`: whether its Gemtap ends with the command."""
        self.environment = environment
        self._settings = settings
        self._access_key = access_key
        self._is_temporary = is_temporary

    def summary(self, began: datetime) -> str:
        """One line on what was recorded since then, once recording has caught up, or that takes too long."""
        late = "" if self._settle() else ", and more is still being recorded"
        query = f"since:{iso(began)}"
        found = ask(desk_url(self._settings, f"/api/stats?q={quote(query)}"), self._access_key)
        if "rows" not in found:
            return f"the dashboard does not say what was recorded ({found.get('error', 'no answer')})."
        if not found["rows"] or not found["rows"][0]["requests"]:
            return f"no request was recorded{late}."
        row = found["rows"][0]
        requests = f"{row['requests']:,} request{'s' if row['requests'] != 1 else ''}"
        cost = f", {dollars(row['cost'])}" if row["cost"] is not None else ""
        tokens = f"{requests}, {in_short(row['tokens']['total'])} tokens{cost}{late}"
        if self._is_temporary:
            return f"{tokens}: gemtap ls {query} --data-dir {shlex.quote(str(self._settings.data_dir))}"
        # The home page lists threads, which a request for a list of models or tokens is in none of.
        threads = ask(desk_url(self._settings, f"/api/threads?limit=1&q={quote(query)}"), self._access_key)
        page = "" if threads.get("items") else "interactions"
        return f"{tokens}: {dashboard_of(self._settings)}{page}?q={quote(query)}"

    def _settle(self) -> bool:
        """Wait until what was captured is recorded. False if that takes too long."""
        deadline = time.monotonic() + _RECORDED_WITHIN
        while time.monotonic() < deadline:
            if ask(desk_url(self._settings, "/readyz"), self._access_key).get("backlog") in (0, None):
                return True
            time.sleep(_LOOK_EVERY)
        return False


@contextmanager
def session(settings: Settings, folder: Path, *, base_urls: bool, access_key: str | None = None) -> Iterator[Session]:
    """A Gemtap, started if none runs, and an environment that leads to it; its files go to `folder`. Raises Failed.

    `access_key` is the user's, for a Gemtap that needs one. Base URLs cannot show it: their variables are not set then.
    """
    found = running(settings)
    runs = ask(tap_url(found, "/_gemtap/health")).get("status") == "ok"
    stopping = ExitStack()
    with ExitStack() as stack:
        stack.enter_context(stopping)
        if not runs or settings.data_dir.is_dir():
            # A Gemtap that was started for a command stays while this is held, and is ended after it is let go.
            lock = _lock(settings.data_dir)
            stack.callback(os.close, lock)
        if not runs:
            found, process = _start(settings, folder)
            stopping.callback(_stop_if_unused, process, settings.data_dir)
        authorities = _authorities(found)
        tap = address_of(found)
        key = access_key_for(tap, access_key)
        variables = _base_urls(tap) if base_urls and key is None else {}
        try:
            environment = child_environment(os.environ, with_access_key(tap, key), authorities, folder, variables)
        except OSError as exc:
            raise Failed(f"The files for the command cannot be written to {folder}: {exc.strerror}.") from exc
        yield Session(found, environment, key, is_temporary=not runs)


def _lock(data_dir: Path) -> int:
    """Keep a Gemtap that was started for a command, until the descriptor is closed. Raises Failed."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise Failed(f"The data directory {data_dir} is not writable ({exc.strerror}). See --data-dir.") from exc
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def _start(settings: Settings, folder: Path) -> tuple[Settings, subprocess.Popen[bytes]]:
    """Start a Gemtap. Returns its settings and its process. Raises Failed."""
    own = settings.model_copy(
        update={
            "port": _free(settings.host, settings.port),
            "dashboard_port": _free(settings.host, settings.dashboard_port),
            "shutdown_grace": min(settings.shutdown_grace, _GRACE),
            # Few clients know proxies that speak TLS, and nobody else is to use this one.
            **({} if settings.is_exposed else {"tls": "off", "tls_cert": None, "tls_key": None}),
        }
    )
    log = folder / "serve.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gemtap.cli.temporary_serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # the keys of the terminal are for the command
        )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(own.model_dump_json().encode() + b"\n")
    process.stdin.close()
    answer = process.stdout.readline().decode().strip()
    process.stdout.close()
    if answer != "ready":
        process.wait(_READY_WITHIN)
        raise Failed(answer or f"Gemtap did not start: {log.read_text(errors='replace').strip()[-500:]}")
    return own, process


def _free(host: str, port: int) -> int:
    """The port if nobody listens on it, else one that is free."""
    for wanted in (port, 0):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise Failed(f"No port of {host} is free.")


def _stop_if_unused(process: subprocess.Popen[bytes], data_dir: Path) -> None:
    if not is_unused(data_dir):
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _authorities(settings: Settings) -> bytes:
    """What the command is to trust besides (PEM): the authority of interception, and that of a port with TLS.

    Raises Failed.
    """
    url = tap_url(settings, "/_gemtap/ca.pem")
    try:
        with open_own(url, _TIMEOUT) as answer:
            found: bytes = answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            raise Failed(
                "The Gemtap that runs is no forward proxy: it is older than this command, or forward_proxy = off."
            ) from exc
    except OSError as exc:
        raise Failed(f"Gemtap does not answer at {url}: {exc}.") from exc
    if settings.tls != "auto":
        return found
    try:
        return found + (settings.tls_folder / "ca.pem").read_bytes()
    except OSError as exc:
        raise Failed(f"The authority of Gemtap's port cannot be read: {exc}. See --data-dir.") from exc


def _base_urls(tap: str) -> Mapping[str, str]:
    """The variables of base URLs that clients of the installed providers know, with the proxy's address."""
    given = (each.for_tap(tap).variable.partition("=") for each in clients_of(INSTALLED.values()).values())
    return {name: url for name, _, url in given if name}
