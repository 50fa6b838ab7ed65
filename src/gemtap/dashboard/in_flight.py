"""Exchanges in flight, read from the journals and open captures in the spool, which are never modified."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from bson import ObjectId

from gemtap.capture.events import Kind, pack, read_events
from gemtap.capture.journal import JournalCapture, JournalReader, end_of
from gemtap.capture.spool import SUFFIX, Spool, capture_id
from gemtap.conversation.model import Text, Thought
from gemtap.dashboard.scope import may_see
from gemtap.interaction import Interaction, Json, iso
from gemtap.providers.documents import conversation_of
from gemtap.workers import JobFailed

ThreadsOf = Callable[
    [Sequence[ObjectId], Callable[[ObjectId], Awaitable[Interaction | None]]], Awaitable[set[ObjectId]]
]
"""Finds the threads that exchanges in flight continue, see `gemtap.recorder.live_threads`."""

ReadCapture = Callable[[bytes, ObjectId], Interaction]
"""Reads the document of a complete or partial capture. Raises an exception if it holds none."""

_MOST: Final = 30
"""Number of exchanges that are followed, the newest ones."""

_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a capture that are read. The text of a larger one stops growing, since each look parses it again."""

_SEGMENTS: Final = 4
"""Segments of a journal that are read at most, before the present one, when nobody has looked for long."""

_EVERY: Final = 0.25

_TAIL: Final = 400
"""Characters of the end of the answer that a list shows."""

_log = logging.getLogger(__name__)


class InFlight:
    """The exchanges in flight. Each look reads what was appended since the last one."""

    def __init__(
        self, spool: Spool, read: ReadCapture, every: float = _EVERY, threads_of: ThreadsOf | None = None
    ) -> None:
        """`every`: seconds between two looks, however many pages are open."""
        self._threads_of = threads_of
        self._every = every
        self._spool = spool
        self._read = read
        self._open: dict[ObjectId, _OpenCapture] = {}
        self._journals: dict[Path, JournalReader] = {}
        self._looked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def look(self) -> list[dict[str, Json]]:
        """A summary of each exchange for lists, newest first."""
        async with self._lock:
            if time.monotonic() - self._looked_at > self._every:
                await asyncio.to_thread(self._look)
                self._looked_at = time.monotonic()
            return [each.summary for each in self._open.values() if each.summary and may_see(each.summary["user"])]

    async def threads(self) -> set[ObjectId]:
        """The threads of which an exchange is in flight."""
        ids = [ObjectId(str(each["id"])) for each in await self.look()]
        return set() if self._threads_of is None else await self._threads_of(ids, self._partial)

    async def _partial(self, id_: ObjectId) -> Interaction | None:
        try:
            return await self.document(id_)
        except Exception:
            # It ended meanwhile, or nothing can read it: the recorder reports that.
            _log.debug("%s cannot be read yet", id_, exc_info=True)
            return None

    async def document(self, id_: ObjectId) -> Interaction | None:
        """The partial document of an exchange, or None if it is not in flight."""
        await self.look()
        async with self._lock:
            found = self._open.get(id_)
            document = None if found is None else await asyncio.to_thread(found.document, self._read)
            return document if document is not None and may_see(document["client"]["user"]) else None

    def _look(self) -> None:
        found: dict[ObjectId, Path | JournalCapture] = {}
        for journal in self._follow_journals():
            found |= {ObjectId(id_): capture for id_, capture in journal.open.items()}
        try:
            found |= {id_: path for path in self._spool.open.glob(f"*/*{SUFFIX}") if (id_ := capture_id(path))}
        except FileNotFoundError:  # a tap ended and removed its folder
            pass
        newest = sorted(found, reverse=True)[:_MOST]
        self._open = {id_: self._open.get(id_) or _OpenCapture(id_) for id_ in newest}
        for id_, each in self._open.items():
            try:
                each.follow(found[id_], self._read)
            except FileNotFoundError:
                continue  # the exchange ended
            except Exception:
                # The recorder reports a capture that cannot be read.
                _log.debug("%s cannot be read yet", id_, exc_info=True)

    def _follow_journals(self) -> Iterable[JournalReader]:
        folders = self._spool.taps()
        for gone in self._journals.keys() - set(folders):
            self._journals.pop(gone).close()
        for folder in folders:
            last, _ = end_of(folder)
            reader = self._journals.get(folder)
            if reader is None or reader.position[0] < last - _SEGMENTS:
                # Exchanges in flight are in the last segments, or in files of their own.
                if reader is not None:
                    reader.close()
                reader = self._journals[folder] = JournalReader(folder, (max(last - _SEGMENTS, 0), 0))
            while reader.next() is not None:
                pass
            reader.moved.clear()
        return self._journals.values()


class _OpenCapture:
    """One capture that is being written.

    The prompt of a request that re-sends a long conversation is read once; after that only what the answer adds.
    """

    def __init__(self, id_: ObjectId) -> None:
        self.summary: dict[str, Json] = {}
        self._id = id_
        self._offset = 0
        self._torn = b""
        self._head = b""
        # Grown in place: an answer may come byte by byte.
        self._asked = bytearray()
        self._answered = bytearray()
        self._bytes = 0
        self._too_much = False

    def follow(self, capture: Path | JournalCapture, read: ReadCapture) -> None:
        """Read appended events and update the summary. Raises FileNotFoundError, and JobFailed once."""
        if self._too_much:
            return
        try:
            self._follow(capture, read)
        except JobFailed:
            # It would take too much each time.
            self._too_much = True
            raise

    def _follow(self, capture: Path | JournalCapture, read: ReadCapture) -> None:
        asked = len(self._asked)
        self._take_in(_added(capture, self._offset))
        if self._head and (not self.summary or len(self._asked) > asked):
            self.summary = _what_is_asked(self.document(read))
        if self._answered:
            answer = read(self._head + bytes(self._answered), self._id)
            assert answer["response"] is not None
            # A new dictionary, since callers compare it with the previous one.
            self.summary = self.summary | {
                "status": answer["response"]["status"],
                "text": _end_of_answer(answer),
                "bytes": self._bytes,
            }

    def document(self, read: ReadCapture) -> Interaction:
        """The partial document."""
        return read(self._head + bytes(self._asked) + bytes(self._answered), self._id)

    def _take_in(self, added: bytes) -> None:
        """Sort the appended events."""
        self._offset += len(added)
        self._torn += added
        taken = 0
        for event in read_events(self._torn):
            packed = pack(Kind(event.kind), event.at, event.value)
            taken += len(packed)
            match event.kind:
                case Kind.REQUEST:
                    self._head = packed
                case Kind.REQUEST_BODY:
                    self._asked += packed
                case Kind.RESPONSE_BODY:
                    self._answered += packed
                    self._bytes += len(event.value)
                case _:
                    self._answered += packed
        self._torn = self._torn[taken:]


def _added(capture: Path | JournalCapture, offset: int) -> bytes:
    """What a capture has from this offset."""
    if isinstance(capture, JournalCapture):
        return capture.read(offset)
    with capture.open("rb") as file:
        file.seek(offset)
        return file.read(_LARGEST - offset)


def _what_is_asked(document: Interaction) -> dict[str, Json]:
    return {
        "id": str(document["_id"]),
        "timestamp": iso(document["timestamp"]),
        "provider": document["provider"],
        "operation": document["operation"],
        "model": document["model"],
        "client": document["client"]["name"],
        "user": document["client"]["user"],
        "prompt": document["preview"]["prompt"],
        "status": None,
        "text": "",
        "bytes": 0,
    }


def _end_of_answer(document: Interaction) -> str:
    conversation = conversation_of(document)
    said = conversation.messages[-1] if conversation is not None and conversation.messages else None
    if said is None or said.role != "model":
        return ""
    text = "".join(part.text for part in said.parts if isinstance(part, Text | Thought))
    # A blank line would fill the two lines of the row.
    return " ".join(text[-2 * _TAIL :].split())[-_TAIL:]
