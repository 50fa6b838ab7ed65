"""Importing a file: what it is, its entries read a few at a time, and stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Final

from gemtap.exporters import jsonl
from gemtap.importers import archives, claude_tap, flows, har, lines
from gemtap.importers.base import BadEntry, Entry, Imported, ImportFailed, LeftOut, Line, ReadExchange
from gemtap.importers.exchanges import Importing, provider_of, record_of, redacted_again
from gemtap.json_access import fault_of
from gemtap.providers.documents import conversation_of
from gemtap.recorder.captured import CaptureUnreadable
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import readable_fingerprint
from gemtap.recorder.searchable import with_text
from gemtap.recorder.threads import Placed, Threads, in_its_thread
from gemtap.stores.base import Record, RecordRejected, Store
from gemtap.stores.presence import missing_ids

_AT_ONCE: Final = 50
_BYTES_AT_ONCE: Final = 8 * 2**20
"""Entries that are stored together: so many, unless they are so large before."""

_BOM: Final = b"\xef\xbb\xbf"

UNKNOWN_API: Final = "unknown API (--everything imports these too)"

Progress = Callable[[Imported, int, int], None]
"""Told after each step: how it goes, how many bytes were read, and of how many."""


async def import_file(
    path: Path, store: Store, with_: Importing, *, everything: bool = False, progress: Progress | None = None
) -> Imported:
    """Store what is in the file. Raises ImportFailed and StoreError; what is wrong with entries is in the report."""
    done = Imported()
    work = _Work(store, with_, done, everything=everything)
    try:
        async with _opened(path) as source:
            while batch := await asyncio.to_thread(_batch, source):
                await work.store(batch)
                if progress is not None:
                    progress(done, min(source.position(), source.size), source.size)
    except OSError as exc:
        raise ImportFailed(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    return done


@dataclass(frozen=True, slots=True)
class _Source:
    """What is read from a file."""

    entries: Iterator[Entry]
    position: Callable[[], int]
    """How much was read."""
    size: int


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[_Source]:
    with await asyncio.to_thread(open, path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        beginning = file.read(4096)
        if flows.BEGINNING.match(beginning):
            async with flows.opened(path) as read:
                yield _Source(read.read(), lambda: read.position, size)
        elif beginning.startswith(archives.MAGIC):
            with closing(archives.ZippedArchives(path)) as zipped:
                yield _Source(_zipped(zipped), lambda: zipped.position, zipped.size)
        else:
            yield _Source(_reader(path, file, beginning), file.tell, size)


def _reader(path: Path, file: IO[bytes], beginning: bytes) -> Iterator[Entry]:
    file.seek(len(_BOM) if beginning.startswith(_BOM) else 0)
    text = beginning.removeprefix(_BOM).lstrip()
    if claude_tap.COMPACT.match(text):
        return claude_tap.read_compact(file)
    if har.BEGINNING.match(text):
        return har.read(file, partial(archives.beside, path))
    if text.startswith(b"{"):
        return lines.read(file)
    raise ImportFailed(
        f"{path} cannot be imported. Supported are HAR, zipped HAR, JSON lines of Gemtap or of claude-tap, a compact "
        "trace of claude-tap, flows of mitmproxy."
    )


def _zipped(zipped: archives.ZippedArchives) -> Iterator[Entry]:
    for name in zipped.names:
        prefix = f"{name}: " if len(zipped.names) > 1 else ""
        try:
            with zipped.opened(name) as file:
                beginning = file.read(len(_BOM))
                file.seek(len(_BOM) if beginning == _BOM else 0)
                for entry in har.read(file, zipped.attached):
                    yield replace(entry, place=prefix + entry.place)
        except archives.CannotUnpack as exc:
            yield Entry(name, BadEntry(str(exc)))


def _batch(source: _Source) -> list[Entry]:
    start, batch = source.position(), list[Entry]()
    for entry in source.entries:
        batch.append(entry)
        if len(batch) >= _AT_ONCE or source.position() - start >= _BYTES_AT_ONCE:
            break
    return batch


class _Work:
    def __init__(self, store: Store, with_: Importing, done: Imported, *, everything: bool) -> None:
        self._store = store
        self._with = with_
        self._done = done
        self._everything = everything
        self._threads = Threads(store)

    async def store(self, batch: list[Entry]) -> None:
        """Store what is not there yet."""
        self._done.read += len(batch)
        found: dict[str, Record] = {}
        for entry in batch:
            record = await asyncio.to_thread(self._record, entry)
            if record is not None:
                found[entry.place] = record
        own = {entry.place for entry in batch if isinstance(entry.content, Line)}
        missing = await missing_ids(self._store, [each.document for each in found.values()])
        ready: dict[str, Record] = {}
        for place, record in found.items():
            # The second of two in one file is there already too.
            if record.document["_id"] in missing:
                missing.discard(record.document["_id"])
                ready[place] = record
        self._done.present += len(found) - len(ready)
        await self._put(await self._placed(ready, own), own)

    def _record(self, entry: Entry) -> Record | None:
        match entry.content:
            case BadEntry(why):
                self._done.fault(entry.place, why)
            case LeftOut(why):
                self._done.left_out[why] += 1
            case Line(line):
                try:
                    return redacted_again(jsonl.from_line(line), self._with)
                except jsonl.BadLine as exc:
                    self._done.fault(entry.place, str(exc))
                except Exception as exc:
                    self._done.fault(entry.place, f"it cannot be read: {fault_of(exc)}")
            case ReadExchange() as exchange:
                if not self._everything and provider_of(exchange, self._with.upstreams) is None:
                    self._done.left_out[UNKNOWN_API] += 1
                    return None
                for why in exchange.doubts:
                    self._done.doubt(entry.place, why)
                try:
                    return record_of(exchange, self._with)
                except CaptureUnreadable as exc:
                    self._done.fault(entry.place, f"it cannot be read: {exc}")
                except Exception as exc:
                    # Whatever this entry is, those after it are imported.
                    self._done.fault(entry.place, f"it cannot be read: {fault_of(exc)}")
        return None

    async def _placed(self, records: dict[str, Record], own: set[str]) -> dict[str, Placed]:
        """The records with their links and words. Lines of Gemtap's own keep the threads that they have."""
        said = {place: await asyncio.to_thread(conversation_of, each.document) for place, each in records.items()}
        prints = {
            place: await asyncio.to_thread(readable_fingerprint, said[place], each.document["_id"])
            for place, each in records.items()
        }
        others = [place for place in records if place not in own]
        placed = {
            place: in_its_thread(each, prints[place] if has_place(each) else None)
            for place, each in records.items()
            if place in own
        }
        counted = await count_once(self._store, [records[place] for place in others])
        fresh = await self._threads.place(
            [
                (record, prints[place] if has_place(record) else None)
                for place, record in zip(others, counted, strict=True)
            ]
        )
        placed |= dict(zip(others, fresh, strict=True))
        return {place: await asyncio.to_thread(with_text, placed[place], said[place]) for place in records}

    async def _put(self, records: dict[str, Placed], own: set[str]) -> None:
        if not records:
            return
        try:
            present = await self._store.put([each.record for each in records.values()])
            # Lines of Gemtap's own stay in their threads, also if only some of the thread is imported.
            await self._threads.join([each for place, each in records.items() if place not in own], present)
            self._done.stored += len(records)
        except (RecordRejected, KeyError, TypeError, ValueError, AttributeError) as exc:
            if len(records) == 1:
                (place,) = records
                why = str(exc) if isinstance(exc, RecordRejected) else fault_of(exc)
                self._done.fault(place, f"it cannot be stored: {why}")
                return
            # One of them is the cause: one by one, the others get in.
            for place, record in records.items():
                await self._put({place: record}, own)
