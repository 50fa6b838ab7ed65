"""Work on recorded content, in processes that can be killed.

What models and strangers wrote is hostile input: a page of it can keep the regular expressions of a lexer busy for
hours, and a small body can unpack to gigabytes. A thread cannot be killed, and a call into C that holds the
interpreter's lock stops every other thread. So such work is done in worker processes: each job has a bound of
processor time, of time on the clock and of memory. A job that exceeds one raises JobFailed, and the caller shows or
stores something plain instead.

The processes are forked from a server that has already imported what they need (`multiprocessing`'s forkserver).
`concurrent.futures` cannot kill a job. Pebble can, but its workers share one pipe: a worker that the kernel kills in
the middle of an answer, as happens where memory runs out, leaves that pipe unreadable for all. Here each has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import multiprocessing
import os
import pickle
import queue
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection, Pipe
from multiprocessing.util import get_temp_dir
from types import FrameType
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

_CLOCK_PER_PROCESSOR: Final = 4.0
_CLOCK_BESIDES: Final = 5.0
"""Seconds on the clock that a job may take: for each second of processor time, and besides. The machine may be busy."""

_AGAIN: Final = 0.1
"""Seconds after which a job over its limit is told so again: some code catches whatever is raised in it."""

_LONGEST_FOLDER: Final = 64
"""Bytes of a folder's path in which `multiprocessing` can have a socket: macOS allows 103 for the whole path."""

P = ParamSpec("P")
T = TypeVar("T")


class JobFailed(Exception):
    """A job exceeded a bound, or its process ended. The message says which, as a clause: "it takes more than 2 s"."""


class WorkersUnavailable(JobFailed):
    """No process can be started, or Gemtap is ending. It is no fault of the job, which can be tried again."""


class OverLimit(BaseException):
    """More processor time than `processor_limit` allows. No Exception, for code under a limit catches these."""


@contextlib.contextmanager
def processor_limit(seconds: float) -> Iterator[None]:
    """Raise OverLimit after so much processor time, also in the middle of a regular expression.

    For the main thread of a process. Within another limit the lower of the two holds: once the outer one is used up,
    each inner one ends at once.
    """
    deadline = min(time.process_time() + seconds, *_deadlines[-1:], float("inf"))
    handler = signal.signal(signal.SIGPROF, _over_limit)
    _deadlines.append(deadline)
    _set_timer()
    try:
        yield
    finally:
        _deadlines.pop()
        _set_timer()
        signal.signal(signal.SIGPROF, handler)


_deadlines: Final[list[float]] = []
"""Processor time of this process at which each of the limits in force is used up, the innermost last."""


def _set_timer() -> None:
    left = max(_deadlines[-1] - time.process_time(), 0.001) if _deadlines else 0
    signal.setitimer(signal.ITIMER_PROF, left, _AGAIN if left else 0)


_CALLBACKS: Final = frozenset({"weakref", "_weakrefset"})
"""Modules whose functions Python calls when something is deleted."""


def _over_limit(_signal: int, frame: FrameType | None) -> None:
    # Python prints what finalizers and callbacks of its garbage collector raise, and goes on. The timer comes again.
    callbacks = {getattr(each, "__code__", None) for each in gc.callbacks}
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__del__" or code in callbacks or frame.f_globals.get("__name__") in _CALLBACKS:
            return
        frame = frame.f_back
    raise OverLimit


class _Job(NamedTuple):
    work: Callable[[], Any]
    seconds: float
    """Limit of processor time."""

    @property
    def clock(self) -> float:
        """Seconds on the clock."""
        return _CLOCK_PER_PROCESSOR * self.seconds + _CLOCK_BESIDES


class _Answer(NamedTuple):
    value: Any = None
    raised: Exception | None = None
    ends: bool = False
    """The process ends after this: its memory is used up."""


class Workers:
    """A few processes, each started when it is first needed and again after it was ended."""

    def __init__(self, processes: int, *, memory: int, prepare: Callable[[], None] | None = None) -> None:
        """`memory`: bytes that each may take, where the system can limit that. `prepare` runs first in each; it is
        pickled."""
        self._memory = memory
        self._prepare = prepare
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="worker")
        self._started: set[_Worker] = set()
        self._closed = False

    async def run(self, seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns in a worker. Raises what it raises, and JobFailed; `seconds` of processor time.

        The function stands in a module; it, its arguments and what it returns are pickled.
        """
        if self._closed:
            raise WorkersUnavailable("Gemtap is ending")
        call = partial(self.call, seconds, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def call(self, seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, for a thread that can wait."""
        worker = self._idle.get()
        try:
            if worker is None or not worker.is_ready():
                self._discard(worker)
                worker = self._start()
            answer = worker.do(_Job(partial(function, *args, **kwargs), seconds))
            if answer.ends:
                self._discard(worker)
                worker = None
        except BaseException as exc:
            self._discard(worker)
            worker = None
            if self._closed:
                raise WorkersUnavailable("Gemtap is ending") from exc
            raise
        finally:
            self._idle.put(worker)
        if answer.raised is not None:
            raise answer.raised
        result: T = answer.value
        return result

    async def start(self) -> None:
        """Start the processes, so that the first jobs need not wait for that."""
        try:
            await asyncio.gather(*(self.run(60, time.sleep, 0.05) for _ in range(self._idle.qsize())))
        except JobFailed:
            pass  # whoever needs one will be told

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._closed = True
        for worker in list(self._started):
            worker.end()
        self._threads.shutdown()
        for worker in list(self._started):
            self._discard(worker)

    def _start(self) -> _Worker:
        if self._closed:
            raise WorkersUnavailable("Gemtap is ending")
        try:
            worker = _Worker(self._memory, self._prepare)
        except (OSError, EOFError) as exc:
            raise WorkersUnavailable(f"no worker process can be started ({exc})") from exc
        self._started.add(worker)
        return worker

    def _discard(self, worker: _Worker | None) -> None:
        if worker is not None:
            self._started.discard(worker)
            worker.end()
            worker.release()


class _Worker:
    """One process and the ends of its pipes."""

    def __init__(self, memory: int, prepare: Callable[[], None] | None) -> None:
        """Raises OSError and EOFError."""
        context = multiprocessing.get_context("forkserver")
        _choose_socket_folder()
        self._pipe, theirs = Pipe()
        ends_with_us, self._lifeline = Pipe(duplex=False)
        self._memory = memory
        self._process = context.Process(target=_work, args=(theirs, ends_with_us, memory, prepare), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self._pipe.close()
            self._lifeline.close()
            raise
        finally:
            # Else the end of file of a worker that is gone would never come.
            theirs.close()
            ends_with_us.close()

    def is_ready(self) -> bool:
        """Whether it waits for a job: one that was ended meanwhile has an end of file to read."""
        return self._process.is_alive() and not self._pipe.poll(0)

    def do(self, job: _Job) -> _Answer:
        """Its answer. Raises JobFailed where there is none: the process is of no more use then."""
        try:
            self._pipe.send(job)
            if not self._pipe.poll(job.clock):
                raise JobFailed(f"it takes more than {job.clock:g} s")
            answer = self._pipe.recv()
        except (EOFError, OSError) as exc:
            raise JobFailed(self._how_it_ended()) from exc
        assert isinstance(answer, _Answer)
        return answer

    def end(self) -> None:
        """Kill the process: SIGTERM would wait for code in C to return."""
        self._process.kill()

    def release(self) -> None:
        """Take leave of a process that was ended."""
        self._process.join()
        self._process.close()
        self._pipe.close()
        self._lifeline.close()

    def _how_it_ended(self) -> str:
        self._process.join(1)
        code = self._process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
        return f"the process for it was ended ({how}), perhaps for want of memory"


_choosing: Final = threading.Lock()


def _choose_socket_folder() -> None:
    """Let `multiprocessing` keep its socket in /tmp where TMPDIR is too long for one. Raises OSError."""
    if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER:
        return
    with _choosing:
        given, tempfile.tempdir = tempfile.tempdir, "/tmp"  # noqa: S108 - a private folder in it
        try:
            get_temp_dir()  # which is made once and remembered
        finally:
            tempfile.tempdir = given


def _work(pipe: Connection, lifeline: Connection, memory: int, prepare: Callable[[], None] | None) -> None:
    """A worker's whole life."""
    _end_with(lifeline)
    _limit_memory(memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        except MemoryError:
            pipe.send(_too_large(memory))
            return
        # If nobody is left to end this process, the kernel does.
        signal.setitimer(signal.ITIMER_REAL, job.clock + 1)
        answer = _answer(job, memory)
        try:
            pipe.send(answer)
        except MemoryError:
            answer = _too_large(memory)
            pipe.send(answer)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if answer.ends:
            return


def _answer(job: _Job, memory: int) -> _Answer:
    try:
        with processor_limit(job.seconds):
            return _Answer(job.work())
    except OverLimit:
        return _Answer(raised=JobFailed(f"it takes more than {job.seconds:g} s of processor time"))
    except MemoryError:
        return _too_large(memory)
    except Exception as exc:
        return _Answer(raised=_picklable(exc))


def _too_large(memory: int) -> _Answer:
    return _Answer(raised=JobFailed(f"it takes more than {memory / 2**30:g} GiB of memory"), ends=True)


def _picklable(exc: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(exc))  # noqa: S301 - our own
    except Exception:
        return RuntimeError(f"{type(exc).__name__}: {exc}")
    return exc


def _end_with(lifeline: Connection) -> None:
    """Have the kernel end this process when the other end of the pipe is closed, by whatever end of its holder.

    SIGIO ends a process that has no handler for it, also in the middle of a call into C.
    """
    with contextlib.suppress(OSError, AttributeError):  # a system without it: the alarm remains
        fcntl.fcntl(lifeline.fileno(), fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(lifeline.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(lifeline.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)


def _limit_memory(memory: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        # Not RLIMIT_AS, which counts address space that nobody uses. macOS has this one and does not hold it.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    # Where the machine's memory runs out, this process is the one to end.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def preload(modules: Sequence[str]) -> None:
    """Have the server import these, before its first worker is started."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(modules))
