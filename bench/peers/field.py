"""The other proxies, each as its users would start it for one upstream, with all that it can keep."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contender import Contender
from bench.gemtap import running_gemtap
from bench.nginx import nginx_version, proxying_nginx
from bench.processes import accepts_connections, family, free_port, running, wait_until
from bench.traffic import HEADERS

_ENVIRONMENTS: Final = Path(sys.prefix) / "peers"
"""Where `make bench-peers` installs them."""

_QUIET: Final = 0.3
_BUSY: Final = 0.03
"""A proxy is at rest when it used at most this much CPU time within `_QUIET` seconds."""


class NotHere(Exception):
    """A peer cannot run on this machine. The message says why."""


@dataclass
class Peer(Contender):
    """A proxy that is one process with its descendants."""

    keeps_in: Path | None = None
    """The folder with all that it keeps, or None if it is configured to keep nothing."""

    def settle(self) -> float | None:
        """Wait until it is at rest: what it writes later than the response counts too."""
        for _ in range(60):
            before = sum(self.cpu().values())
            time.sleep(_QUIET)
            if sum(self.cpu().values()) - before <= _BUSY:
                break
        return None


Start = Callable[[Path, int], AbstractContextManager[Contender]]
"""Starts a proxy with its data in a new folder, for an upstream's port."""


@dataclass(frozen=True)
class Entry:
    """A line of the comparison."""

    name: str
    version: Callable[[], str]
    start: Start
    how: str
    """How it is started, for the reader."""


def _port_and_folder(folder: Path) -> tuple[int, Path]:
    """A free port, and an empty folder for what a peer keeps."""
    kept = folder / "kept"
    kept.mkdir()
    return free_port(), kept


@contextmanager
def _direct(folder: Path, upstream: int) -> Iterator[Contender]:
    yield Contender("direct", upstream)


@contextmanager
def _nginx(folder: Path, upstream: int) -> Iterator[Contender]:
    with proxying_nginx(folder / "nginx", upstream) as (port, pid):
        yield Peer("nginx", port, {"nginx": pid})


@contextmanager
def _gemtap(folder: Path, upstream: int) -> Iterator[Contender]:
    with running_gemtap(folder, upstream) as gemtap:
        gemtap.name = "Gemtap"
        yield gemtap


@contextmanager
def _caddy(folder: Path, upstream: int) -> Iterator[Contender]:
    port = free_port()
    configuration = folder / "Caddyfile"
    configuration.write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n"
        f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n"
        f"\treverse_proxy 127.0.0.1:{upstream} {{\n\t\tflush_interval -1\n\t}}\n}}\n"
    )
    command = [_on_path("caddy"), "run", "--config", str(configuration), "--adapter", "caddyfile"]
    with _started("Caddy", command, folder, port) as peer:
        yield peer


@contextmanager
def _go(folder: Path, upstream: int) -> Iterator[Contender]:
    port = free_port()
    with _started("Go", [_installed("go-proxy"), str(port), str(upstream)], folder, port) as peer:
        yield peer


@contextmanager
def _go_with_files(folder: Path, upstream: int) -> Iterator[Contender]:
    port, files = _port_and_folder(folder)
    command = [_installed("go-proxy"), str(port), str(upstream), str(files)]
    with _started("Go, a file each", command, folder, port, keeps_in=files) as peer:
        yield peer


@contextmanager
def _observer(folder: Path, upstream: int) -> Iterator[Contender]:
    port, kept = _port_and_folder(folder)
    configuration = folder / "config.toml"
    configuration.write_text(
        f'[observer]\ndb_path = "{kept}/observer.db"\n'
        f'[proxy]\nport = {port}\ngemini_upstream = "http://127.0.0.1:{upstream}"\n'
    )
    # The program in the wheel, not the Python script that starts it and stays in between.
    pattern = "superbased-observer/lib/python*/site-packages/observer/_bin/observer"
    program = next(_ENVIRONMENTS.glob(pattern), None)
    if program is None:
        raise NotHere("superbased-observer is not installed")
    command = [str(program), "proxy", "start", "--config", str(configuration)]
    with _started("superbased-observer", command, folder, port, keeps_in=kept) as peer:
        yield peer


@contextmanager
def _mitmdump(folder: Path, upstream: int) -> Iterator[Contender]:
    port, kept = _port_and_folder(folder)
    command = [_installed("mitmproxy/bin/mitmdump"), "--quiet", "--mode", f"reverse:http://127.0.0.1:{upstream}"]
    command += ["--listen-host", "127.0.0.1", "--listen-port", str(port), "-w", str(kept / "flows")]
    command += ["--set", f"confdir={folder}"]
    with _started("mitmdump", command, folder, port, keeps_in=kept) as peer:
        yield peer


@contextmanager
def _claude_tap(folder: Path, upstream: int) -> Iterator[Contender]:
    port = free_port()
    command = [_installed("claude-tap/bin/claude-tap"), "--tap-no-launch", "--tap-no-open", "--tap-no-live"]
    command += ["--tap-host", "127.0.0.1", "--tap-port", str(port), "--tap-store-stream-events"]
    command += ["--tap-client", "gemini", "--tap-proxy-mode", "reverse", "--tap-target", f"http://127.0.0.1:{upstream}"]
    with _started("claude-tap", command, folder, port, keeps_in=folder / ".local") as peer:
        yield peer


@contextmanager
def _litellm(folder: Path, upstream: int) -> Iterator[Contender]:
    port, kept = _port_and_folder(folder)
    configuration = kept / "config.yaml"
    configuration.write_text("litellm_settings:\n  callbacks: litellm_log.log\n")
    shutil.copy(Path(__file__).with_name("litellm_log.py"), kept)
    command = [_installed("litellm/bin/litellm"), "--config", str(configuration), "--telemetry", "False"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {
        "GEMINI_API_BASE": f"http://127.0.0.1:{upstream}",
        "GEMINI_API_KEY": HEADERS["x-goog-api-key"],
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # like the others: whoever reaches it may use it
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with _started("LiteLLM", command, kept, port, keeps_in=kept, environment=environment) as peer:
        peer.prefix = "/gemini"
        yield peer


@contextmanager
def _mlflow(folder: Path, upstream: int) -> Iterator[Contender]:
    raise NotHere("its gateway's Gemini provider has a fixed address: no option points it at a local upstream")
    yield


def _version_of(environment: str) -> Callable[[], str]:
    """The version of the package of the same name in its environment."""

    def version() -> str:
        code = f"from importlib.metadata import version; print(version({environment!r}))"
        return _printed([_installed(f"{environment}/bin/python"), "-c", code])

    return version


FIELD: Final = (
    Entry("direct", lambda: "", _direct, "no proxy"),
    Entry("nginx", nginx_version, _nginx, "one process, buffering off, no log"),
    Entry("Caddy", lambda: _printed([_on_path("caddy"), "version"]), _caddy, "`flush_interval -1`, no log"),
    Entry("Go", lambda: _printed([_on_path("go"), "version"]).split()[2], _go, "`net/http/httputil`"),
    Entry("Go, a file each", lambda: "", _go_with_files, "the same, which writes each exchange to a file as it passes"),
    Entry("Gemtap", lambda: "", _gemtap, "`gemtap serve` with everything on"),
    Entry("superbased-observer", _version_of("superbased-observer"), _observer, "`observer proxy start`"),
    Entry(
        "mitmdump",
        _version_of("mitmproxy"),
        _mitmdump,
        "`-w`; it holds each response until its end, for it keeps no body that it streams",
    ),
    Entry("claude-tap", _version_of("claude-tap"), _claude_tap, "`--tap-no-launch --tap-store-stream-events`"),
    Entry("LiteLLM", _version_of("litellm"), _litellm, "`/gemini`, logged by a callback: its own log needs PostgreSQL"),
    Entry("MLflow", lambda: "", _mlflow, ""),
)
"""In the order of the table."""


@contextmanager
def _started(
    name: str,
    command: list[str],
    folder: Path,
    port: int,
    *,
    keeps_in: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Peer]:
    # Whatever a program keeps in the home of its user goes to the folder too.
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / ".local"), **(environment or {})}
    with running(command, folder / "output.log", folder=folder, environment=environment) as process:
        wait_until(name, lambda: process.poll() is not None or accepts_connections(port))
        if process.poll() is not None:
            raise NotHere(f"it ended at once with status {process.returncode}")
        time.sleep(1)  # several start threads and processes after they listen
        processes = {f"{name} {pid}": pid for pid in family(process.pid)}
        yield Peer(name, port, processes, keeps_in=keeps_in)


def _installed(path: str) -> str:
    program = _ENVIRONMENTS / path
    if not program.exists():
        raise NotHere(f"{program} is missing: run make bench-peers")
    return str(program)


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotHere(f"{program} is not installed")
    return found


def _printed(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
