"""Work in processes that can be killed: what a job may take, and what is left of it afterwards."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gemtap.workers import JobFailed, OverLimit, Workers, processor_limit

pytestmark = pytest.mark.anyio

MEMORY = 2**28


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(2, memory=MEMORY)
    yield workers
    workers.close()


def double(number: int) -> int:
    return 2 * number


def fail(message: str) -> None:
    raise LookupError(message)


class Unpicklable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def fail_oddly() -> None:
    raise Unpicklable("neither ", "here nor there")


def match_for_ever() -> None:
    """A regular expression that takes longer than there is time."""
    re.match(r"(a*)*b", "a" * 60)


def catch_it_once() -> None:
    try:
        match_for_ever()
    except BaseException:
        match_for_ever()


def count_in_c() -> None:
    """One call into C, which no signal interrupts."""
    sum(range(10**13))


def take_memory() -> list[bytes]:
    return [os.urandom(2**20) for _ in range(MEMORY // 2**19)]


def answer_with_too_much() -> bytes:
    return bytes(MEMORY - 2**26)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pid() -> int:
    return os.getpid()


async def test_a_job_gives_what_its_function_returns(workers: Workers) -> None:
    """And it is done in another process."""
    assert await workers.run(1, double, 21) == 42
    assert await workers.run(1, pid) != os.getpid()


async def test_a_job_raises_what_its_function_raises(workers: Workers) -> None:
    """What cannot be pickled is told in words."""
    with pytest.raises(LookupError, match="not there"):
        await workers.run(1, fail, "not there")
    with pytest.raises(RuntimeError, match="Unpicklable: neither here nor there"):
        await workers.run(1, fail_oddly)


@pytest.mark.parametrize("job", [match_for_ever, catch_it_once])
async def test_a_job_that_takes_too_long_is_interrupted(workers: Workers, job: Callable[[], None]) -> None:
    """Also in the middle of a regular expression, and where the code catches what is raised in it."""
    with pytest.raises(JobFailed, match=r"takes more than 0\.2 s of processor time"):
        await workers.run(0.2, job)
    assert await workers.run(1, double, 1) == 2


async def test_a_job_that_cannot_be_interrupted_is_killed(workers: Workers) -> None:
    """A call into C hears no signal; the kernel ends its process."""
    with pytest.raises(JobFailed, match=r"takes more than 5\.04 s"):
        await workers.run(0.01, count_in_c)
    assert await workers.run(1, double, 1) == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS limits no process's memory")
@pytest.mark.parametrize("job", [take_memory, answer_with_too_much])
async def test_a_job_that_takes_too_much_memory_fails(workers: Workers, job: Callable[[], object]) -> None:
    """The bound holds for the answer too; the process ends, and its memory is free."""
    with pytest.raises(JobFailed, match=r"takes more than 0\.25 GiB of memory"):
        await workers.run(5, job)
    assert await workers.run(1, double, 1) == 2


async def test_a_process_that_dies_fails_its_job_alone(workers: Workers) -> None:
    """The next job gets another process."""
    with pytest.raises(JobFailed, match=r"was ended \(SIGKILL\)"):
        await workers.run(1, die)
    assert await workers.run(1, double, 1) == 2


async def test_a_process_that_died_while_nothing_was_to_do_is_replaced() -> None:
    """Nobody's job fails for it."""
    workers = Workers(1, memory=MEMORY)
    try:
        first = await workers.run(1, pid)
        os.kill(first, signal.SIGKILL)
        while _is_running(first):
            time.sleep(0.01)
        assert await workers.run(1, pid) != first
    finally:
        workers.close()


async def test_nothing_is_started_after_the_end() -> None:
    """A job that comes too late is told so."""
    workers = Workers(1, memory=MEMORY)
    workers.close()
    with pytest.raises(JobFailed, match="Gemtap is ending"):
        workers.call(1, double, 1)


PARENT = """
import asyncio, os, threading
from gemtap.workers import Workers
from tests.unit.test_workers import count_in_c, pid
workers = Workers(1, memory=2**28)
print(workers.call(1, pid), flush=True)
threading.Thread(target=workers.call, args=(1000, count_in_c), daemon=True).start()
input()
"""


def test_a_long_temporary_folder(tmp_path: Path) -> None:
    """TMPDIR may be longer than the path of a socket can be."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    work = "from gemtap.workers import Workers\nfrom tests.unit.test_workers import double\n"
    work += "workers = Workers(1, memory=2**28)\nprint(workers.call(10, double, 21))\nworkers.close()"
    command = [sys.executable, "-c", work]
    done = subprocess.run(
        command, env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "42\n"


def test_no_worker_outlives_its_parent() -> None:
    """Killed without a word, the parent leaves nothing behind, whatever the worker does at that moment."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    worker = int(parent.stdout.readline())
    time.sleep(0.2)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while _members(parent.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _members(parent.pid) == set(), f"worker {worker} or the server it was forked from is still there"


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _members(session: int) -> set[int]:
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "pid="], capture_output=True, text=True, check=False
    ).stdout
    return {int(word) for word in listed.split()}


def test_limits_within_limits() -> None:
    """What is left of the outer limit bounds those within it."""
    started = time.process_time()
    with contextlib.suppress(OverLimit), processor_limit(0.3):
        for _ in range(100):
            with contextlib.suppress(OverLimit), processor_limit(0.1):
                match_for_ever()
    assert time.process_time() - started < 3, "a hundred times 0.1 s were to end after 0.3 s"
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


class Finalized:
    """What takes long to be deleted."""

    def __del__(self) -> None:
        spin(0.1)


def spin(seconds: float) -> None:
    """Use so much processor time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@pytest.mark.parametrize("work", [Finalized, gc.collect])
def test_a_limit_that_ends_in_a_finalizer_is_not_lost(
    work: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python ignores what a finalizer or a callback of its collector raises: the limit ends what comes after it."""
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    def callback(*_: object) -> None:
        spin(0.1)

    gc.callbacks.append(callback)
    try:
        with contextlib.suppress(OverLimit), processor_limit(0.05):
            work()
            spin(5)
            ignored.append("the limit never came")
    finally:
        gc.callbacks.remove(callback)
    assert ignored == []


def test_a_limit_that_is_not_exceeded_changes_nothing() -> None:
    """Neither what is done nor what happens to the signal afterwards."""
    handler = signal.getsignal(signal.SIGPROF)
    with processor_limit(10):
        assert double(2) == 4
    assert signal.getsignal(signal.SIGPROF) == handler
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
