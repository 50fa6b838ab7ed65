"""Lists of settings in files of the data directory: replaced whole, read again where they have changed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from gemtap.durable_files import replace_file, stamp_of

_log = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.25
"""Seconds between two looks whether a file has changed."""

T = TypeVar("T")
L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class ListKind(Generic[L]):
    """One kind of list. The list itself is a value that is compared with `==`."""

    name: str
    """Name of the file without its suffix, such as `access`."""
    shared_name: str
    """Name of the value in a database that several Gemtaps share, such as `access_keys`."""
    title: str
    """For people, the subject of a sentence: `The access keys`."""
    if_damaged: str
    """What a damaged file means, as a sentence."""
    empty: L
    """The list of a data directory without the file."""
    from_json: Callable[[Any], L]
    """Raises ValueError, whose message continues `FILE is damaged:`."""
    to_json: Callable[[L], Any]


class ListFile(Generic[L]):
    """A list of one data directory. Every method raises OSError, with a message for people."""

    def __init__(self, data_dir: Path, kind: ListKind[L]) -> None:
        self.kind = kind
        self.path = data_dir / f"{kind.name}.json"

    def read(self) -> L:
        """The list; an empty one if there is no file."""
        try:
            return self.kind.from_json(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return self.kind.empty
        except ValueError as exc:
            raise OSError(f"{self.path} is damaged: {exc}. {self.kind.if_damaged}") from exc

    def change(self, change: Callable[[L], tuple[L, T]]) -> T:
        """Replace the list by what `change` makes of it; returns the other value that it returns."""
        with self._locked():
            after, result = change(self.read())
            self._replace(after)
        return result

    def write(self, values: L) -> None:
        """Replace the list."""
        with self._locked():
            if not self.path.exists() or self.read() != values:
                self._replace(values)

    def _replace(self, values: L) -> None:
        replace_file(self.path, json.dumps(self.kind.to_json(values), indent=1).encode("ascii") + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


class ListInForce(ABC, Generic[L]):
    """A list that is kept in memory. `watch` keeps it current."""

    def __init__(self, file: ListFile[L]) -> None:
        """Raises OSError if there is a file that cannot be read: damaging it must not switch off what it says."""
        self._file = file
        self._seen = stamp_of(file.path)
        self.take(file.read())

    @abstractmethod
    def take(self, values: L) -> None:
        """The list is now this one."""

    def refresh(self) -> None:
        """Read the file again if it has changed. What cannot be read changes nothing."""
        seen = stamp_of(self._file.path)
        if seen == self._seen:
            return
        self._seen = seen
        title = self._file.kind.title
        if seen is None:
            # Gemtap itself never deletes it. A deleted one, or a folder that is gone, switches nothing off.
            _log.error("%s is gone. %s stay as they were until Gemtap is restarted.", self._file.path, title)
            return
        try:
            self.take(self._file.read())
        except OSError as exc:
            _log.error("%s stay as they were: %s", title, exc)


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
