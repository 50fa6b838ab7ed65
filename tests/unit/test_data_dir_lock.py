"""The lock of a data directory: who gets it, who is refused, and what is left when its process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gemtap.data_dir_lock import LOCK_NAME, DataDirInUse, data_dir_lock, holder_of

ADDRESS = "http://localhost:4360"

HOLD = (
    "import sys, pathlib, time; from gemtap.data_dir_lock import data_dir_lock\n"
    "with data_dir_lock(pathlib.Path(sys.argv[1]), sys.argv[2]): print('held', flush=True); time.sleep(60)"
)


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), ADDRESS], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            other.kill()


def test_who_comes_second_learns_who_was_first(tmp_path: Path) -> None:
    """The refusal names the process and the proxy's address, in one line."""
    with held(tmp_path) as other:
        with pytest.raises(DataDirInUse) as refusal, data_dir_lock(tmp_path, "http://localhost:1"):
            pass
        assert f"process {other.pid} on " in str(refusal.value)
        assert ADDRESS in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert str(other.pid) in str(holder_of(tmp_path))


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    """The next holder is told that the one before was killed; the one after an orderly end is not."""
    with held(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert holder_of(tmp_path) is None
        with data_dir_lock(tmp_path, ADDRESS) as was_killed:
            assert was_killed
            assert str(os.getpid()) in str(holder_of(tmp_path))
        with data_dir_lock(tmp_path, ADDRESS) as was_killed:
            assert not was_killed


def test_children_of_a_holder_do_not_keep_the_lock(tmp_path: Path) -> None:
    """A tap that is still ending after its supervisor was killed must not keep the next one from starting."""
    script = HOLD.replace("print(", "import subprocess; subprocess.Popen(['sleep', '60'], stdout=2); print(")
    command = [sys.executable, "-c", script, str(tmp_path), ADDRESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        try:
            with data_dir_lock(tmp_path, ADDRESS) as was_killed:
                assert was_killed
        finally:
            os.killpg(other.pid, signal.SIGKILL)


def test_a_holder_without_a_note_is_refused_all_the_same(tmp_path: Path) -> None:
    """The note is for people: the lock decides."""
    with held(tmp_path):
        (tmp_path / LOCK_NAME).write_bytes(b"")
        with pytest.raises(DataDirInUse, match="has not said which"), data_dir_lock(tmp_path, ADDRESS):
            pass


def test_a_directory_that_nobody_has_served_has_no_holder(tmp_path: Path) -> None:
    """An unused data directory has no holder."""
    assert holder_of(tmp_path) is None


def test_a_note_that_is_damaged_is_no_obstacle(tmp_path: Path) -> None:
    """As a power cut may leave it."""
    (tmp_path / LOCK_NAME).write_bytes(b"\0" * 100)
    with data_dir_lock(tmp_path, ADDRESS) as was_killed:
        assert was_killed
