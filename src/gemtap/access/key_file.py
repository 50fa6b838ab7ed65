"""The file of access keys in the data directory: replaced whole, read again where it has changed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from gemtap.access.keys import KeyList, KeyTable, from_json
from gemtap.durable_files import replace_file, stamp_of

_log = logging.getLogger(__name__)

NAME: Final = "access.json"

_LOCK: Final = "access.lock"

LOOK_EVERY: Final = 0.25
"""Seconds between two looks whether the file has changed."""

T = TypeVar("T")


class KeyFile:
    """The list of access keys of one data directory. Every method raises OSError, with a message for people."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / NAME

    def read(self) -> KeyList:
        """The list; an empty one if there is no file."""
        try:
            return from_json(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return KeyList()
        except ValueError as exc:
            raise OSError(
                f"{self.path} is damaged: {exc}. Restore it from a backup; nobody gets in until then."
            ) from exc

    def change(self, change: Callable[[KeyList], tuple[KeyList, T]]) -> T:
        """Replace the list by what `change` makes of it; returns the other value that it returns."""
        with self._locked():
            after, result = change(self.read())
            self._replace(after)
        return result

    def write(self, keys: KeyList) -> None:
        """Replace the list."""
        with self._locked():
            if not self.path.exists() or self.read() != keys:
                self._replace(keys)

    def _replace(self, keys: KeyList) -> None:
        replace_file(self.path, json.dumps(keys.to_json(), indent=1).encode("ascii") + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path.with_name(_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


class Access:
    """The access keys in force, kept in memory. `watch` keeps them current."""

    def __init__(self, data_dir: Path, *, always: bool = False) -> None:
        """`always`: requests need a key even if there is none.

        Raises OSError if there is a file that cannot be read: nobody may get in by damaging it.
        """
        self._file = KeyFile(data_dir)
        self._always = always
        self.is_on = always
        """Whether requests need a key."""
        self.table = KeyTable(())
        self._seen = stamp_of(self._file.path)
        self._take(self._file.read())

    def refresh(self) -> None:
        """Read the file again if it has changed. What cannot be read changes nothing."""
        seen = stamp_of(self._file.path)
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            # `gemtap keys off` writes a file. A deleted one, or a folder that is gone, opens no door.
            _log.error("%s is gone. The access keys stay as they were until Gemtap is restarted.", self._file.path)
            return
        try:
            self._take(self._file.read())
        except OSError as exc:
            _log.error("The access keys stay as they were: %s", exc)

    def _take(self, keys: KeyList) -> None:
        self.table, self.is_on = KeyTable(keys.keys), keys.is_on or self._always


class Watched(Protocol):
    """What is kept in memory of a file."""

    def refresh(self) -> None:
        """Read the file again if it has changed."""


@asynccontextmanager
async def watch(*watched: Watched) -> AsyncIterator[None]:
    """Keep these current for as long as the context is open, outside of any request."""

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for each in watched:
                each.refresh()

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look())
        yield
        looking.cancel()
