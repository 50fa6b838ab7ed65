"""Long output on a terminal goes through the pager; elsewhere there is neither a pager nor a colour."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.records import make_record
from tests.unit.cli.conftest import PATIENCE, command, keep, run


@pytest.mark.parametrize("name", ["ls", "show"])
def test_on_a_terminal(folder: Path, name: str) -> None:
    """On a terminal, long output goes to the pager."""
    (id_,) = keep(make_record())
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command([name, id_] if name == "show" else [name]),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"PAGER": "tee paged.txt", "TERM": "xterm-256color", "COLUMNS": "150"},
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait(PATIENCE) == 0
    os.close(leader)
    paged = (folder / "paged.txt").read_bytes()
    assert b"gemini-2.5-pro" in paged
    assert b"\x1b[" in paged
    assert b"gemini-2.5-pro" in shown


@pytest.mark.parametrize("name", ["ls", "show"])
def test_elsewhere(folder: Path, name: str) -> None:
    """Without a terminal, output goes to stdout."""
    (id_,) = keep(make_record())
    done = run(*([name, id_] if name == "show" else [name]), PAGER="tee paged.txt")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert not (folder / "paged.txt").exists()
