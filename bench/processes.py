"""Starts, stops and measures processes, using Linux's /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB (10^6 bytes): current and peak."""

    now: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, user and system (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / _TICKS_PER_SECOND


def memory(pid: int) -> Memory:
    """Memory of a process (proc_pid_status(5))."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, peak = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return Memory(now, peak)


def children(pid: int) -> dict[int, str]:
    """Command lines of the process's children, by process id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has exited meanwhile
    return found


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def free_port() -> int:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until(what: str, met: Callable[[], bool], *, every: float = 0.01, patience: float = _PATIENCE) -> None:
    """Wait until the condition is true. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(every)


def accepts_connections(port: int) -> bool:
    """Whether a process listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: Sequence[str], log: Path, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the context ends, then send SIGTERM. Its output goes to the log and into exceptions.

    It runs in `folder`, with `environment` added to ours.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=os.environ | (environment or {}),
        )
    try:
        yield process
    except Exception as exc:
        exc.add_note(f"The last that {command[0]} printed:\n{log.read_text(errors='replace')[-2000:]}")
        raise
    finally:
        process.terminate()
        process.wait(_PATIENCE)
