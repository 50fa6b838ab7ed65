"""The machine of the benchmark."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.nginx import nginx_version
from bench.wrk import wrk_version

_FILES: Final = 4000


def facts(folder: Path) -> dict[str, str]:
    """Properties of the machine, and of the disk that holds the folder, for readers of the results."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    libraries = (f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools"))
    return {
        "CPU": f"{cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "System": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, {', '.join(libraries)}",
        "Gemtap": version("gemtap"),
        **_versions(nginx=nginx_version, wrk=wrk_version),
        "Disk": f"{_file_system(folder)}, {file_us(folder):.0f} µs to make a file",
    }


def _versions(**programs: Callable[[], str]) -> dict[str, str]:
    """The versions of those that are installed: few benchmarks need these programs."""
    found = {}
    for name, version_of in programs.items():
        with suppress(FileNotFoundError):
            found[name] = version_of()
    return found


def file_us(folder: Path) -> float:
    """Microseconds to create a file where many have just been deleted.

    Gemtap creates a file for every exchange. On ext4 without a journal, as in some virtual machines, creating one scans
    all files deleted within the last minutes, which takes longer than the rest of an exchange.
    """
    probe = folder / "probe"
    seconds = 0.0
    for _ in range(2):
        probe.mkdir()
        began_at = time.perf_counter()
        for number in range(_FILES):
            os.close(os.open(probe / str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        seconds = time.perf_counter() - began_at
        shutil.rmtree(probe)
    return seconds / _FILES * 1e6


def _file_system(folder: Path) -> str:
    told = subprocess.run(["df", "--output=fstype", str(folder)], capture_output=True, text=True, check=True).stdout
    return told.split()[-1]
