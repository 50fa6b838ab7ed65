"""A Gemtap for the time of `gemtap run`: `python -m gemtap.cli.temporary_serve`, with the settings on standard input.

It ends once no `gemtap run` uses the data directory any more, however these ended: each holds a lock on `run.lock`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from pathlib import Path
from typing import Final

from gemtap.serving import child_settings, log_without_passwords
from gemtap.supervisor import CannotServe, Supervisor

LOCK_NAME: Final = "run.lock"

_LOOK_EVERY: Final = 1.0


def main() -> None:
    """Serve until no `gemtap run` needs it."""
    settings = child_settings()
    log_without_passwords("%(asctime)s %(levelname)s gemtap: %(message)s", settings.log_level.upper())
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    async def serve() -> None:
        supervisor = Supervisor(settings, on_ready=lambda: _tell(out, "ready"))
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_stop_when_unused(supervisor, settings.data_dir))
            try:
                await supervisor.run()
            finally:
                watching.cancel()

    try:
        asyncio.run(serve())
    except* CannotServe as group:
        _tell(out, str(group.exceptions[0]))
        sys.exit(1)


async def _stop_when_unused(supervisor: Supervisor, data_dir: Path) -> None:
    while not is_unused(data_dir):  # noqa: ASYNC110 - the kernel tells nobody that a lock is free
        await asyncio.sleep(_LOOK_EVERY)
    supervisor.stop()


def is_unused(data_dir: Path) -> bool:
    """Whether no `gemtap run` uses the data directory."""
    file = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _tell(out: int, line: str) -> None:
    try:
        os.write(out, line.encode() + b"\n")
    except BrokenPipeError:
        pass  # the `gemtap run` that started it is gone; others may use it


if __name__ == "__main__":
    main()
