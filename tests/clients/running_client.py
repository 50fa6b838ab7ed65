"""Real clients, each a program of its own: with its own Python, or with node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MODULES = HERE / "js" / "node_modules"

PATIENCE = 120.0
"""Seconds that a client may take for all its tasks."""


def python_client(name: str, script: str) -> list[str]:
    """The command of a script that uses an SDK in the environment of that name."""
    python = ROOT / ".venv" / "clients" / name / "bin" / "python"
    assert python.exists(), f"{name} is not installed: `make test-clients` does that"
    return [str(python), str(HERE / "python" / script)]


def js_client(script: str, *arguments: str) -> list[str]:
    """The command of a script that uses an SDK for node."""
    assert MODULES.exists(), "the SDKs are not installed: `make test-clients` does that"
    return ["node", str(HERE / "js" / script), *arguments]


def run(command: list[str], environment: Mapping[str, str], folder: Path | None = None) -> str:
    """What the program prints. It can reach this machine and nothing else."""
    closed = "http://127.0.0.1:9"
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "ignore",
        "HTTP_PROXY": closed,
        "HTTPS_PROXY": closed,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder, env={**given, **environment}
    )
    sys.stderr.write(done.stderr)
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


def see(command: list[str], base_url: str, *tasks: str, **environment: str) -> dict[str, Any]:
    """What a client sees in some tasks, by their names."""
    seen: dict[str, Any] = json.loads(run([*command, base_url, *tasks], environment))
    return seen
