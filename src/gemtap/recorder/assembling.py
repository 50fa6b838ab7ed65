"""Captures assembled where hostile ones can do no harm: in a worker, each with a bound of time and memory.

Captures are never small by themselves: 32 KB may unpack to 64 MiB, and a parser may take the square of its input's
length. So all of them go there, not only those that look dangerous. It costs little: a worker gets paths and gives back
records, and what it does no longer holds up the pages of the desk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bson import ObjectId

from gemtap.capture.spool import capture_id
from gemtap.interaction import Interaction, Thread
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble, assemble_plainly
from gemtap.recorder.captured import CaptureUnreadable
from gemtap.recorder.fingerprint import Fingerprint, readable_fingerprint
from gemtap.recorder.redact import Redactor
from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Record
from gemtap.workers import JobFailed, OverLimit, Workers, WorkersUnavailable, processor_limit

_log = logging.getLogger(__name__)

_SECONDS: Final = 5.0
_SECONDS_A_BYTE: Final = 0.5e-6
"""Processor time that assembling a capture may take: besides, and for each byte. Most take a twentieth of it."""

_SECONDS_AT_ONCE: Final = 1.0
"""Processor time after which what is assembled is recorded, so that what has arrived meanwhile need not wait."""

_SECONDS_OF_TEXTS: Final = 20.0
"""Processor time for the texts of documents that were assembled at once."""

_SECONDS_OF_A_TEXT: Final = 2.0
"""Processor time for the text by which searches find a document."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What became of a capture."""

    record: Record | None = None
    fingerprint: Fingerprint | None = None
    unreadable: str | None = None
    """Why there is no record, and never will be. None where the capture is empty, or gone."""
    is_empty: bool = False
    over_limit: bool = False


class Assembler:
    """Makes records of captures: in a worker or, without one, in a thread."""

    def __init__(
        self,
        providers: Mapping[str, ExchangeParser],
        redactor: Redactor | None,
        workers: Workers | None = None,
        seconds: float = _SECONDS,
    ) -> None:
        """`seconds` of processor time for each capture, besides those for its size."""
        # A worker has those of the registry itself: a plug-in may have what cannot be pickled.
        self._providers = None if providers is PROVIDERS else providers
        self._seconds = seconds
        self._suspects = 0
        """Captures, the next ones, among which one has ended its worker: each of them is assembled alone."""
        self._redactor = redactor
        self._workers = workers

    async def assemble(self, paths: Sequence[Path]) -> list[Assembled]:
        """What the first of the captures hold: at least one of them, and as many as are assembled in about a second.

        Raises OSError, and WorkersUnavailable: it can be tried again. A capture that takes too much, or ends its
        worker, is recorded without being read.
        """
        if self._workers is None:
            return await asyncio.to_thread(assemble_files, paths, self._providers, self._redactor)
        if self._suspects > 0:
            self._suspects -= 1
            paths = paths[:1]
        seconds = self._seconds + max(map(_size, paths)) * _SECONDS_A_BYTE
        try:
            return await self._workers.run(
                # More than the limit of a single capture, which is the one that says what went wrong.
                seconds + _SECONDS_AT_ONCE + 1,
                _assemble_and_remember,
                paths,
                self._providers,
                self._redactor,
                self._seconds,
            )
        except WorkersUnavailable:
            raise
        except JobFailed as exc:
            if len(paths) == 1:
                return [await asyncio.to_thread(_assemble_plainly, paths[0], str(exc), self._redactor)]
            # One of them is the cause: one by one, the others are assembled.
            self._suspects = len(paths)
            return await self.assemble(paths)

    async def texts(self, documents: Sequence[Interaction]) -> list[str]:
        """The text of each, see `gemtap.recorder.searchable`; empty where that takes too long."""
        if self._workers is None:
            return await asyncio.to_thread(lambda: [text_of(document) for document in documents])
        try:
            threads = {document["_id"]: document["thread"] for document in documents}
            seconds = _SECONDS_OF_TEXTS + _SECONDS_OF_A_TEXT * len(documents)
            remembered = await self._workers.run(seconds, _remembered_texts, threads)
            if remembered is not None:
                return remembered
            return await self._workers.run(seconds, _texts, documents)
        except WorkersUnavailable:
            raise
        except JobFailed as exc:
            if len(documents) > 1:
                return [text for document in documents for text in await self.texts([document])]
            _log.warning("No search for words will find %s: %s", documents[0]["_id"], exc)
            return [""]


def read_document(
    capture: bytes, id_: ObjectId, providers: Mapping[str, ExchangeParser] | None, redactor: Redactor | None
) -> Interaction:
    """The document of a capture as far as it has come; None for the registry's providers. Raises CaptureUnreadable."""
    providers = PROVIDERS if providers is None else providers
    return assemble(capture, id=id_, recorded_at=datetime.now(UTC), providers=providers, redactor=redactor).document


def assemble_files(
    paths: Iterable[Path],
    providers: Mapping[str, ExchangeParser] | None,
    redactor: Redactor | None,
    seconds: float | None = None,
) -> list[Assembled]:
    """What these captures hold.

    With `seconds` of processor time for each, besides those for its size: up to the first that takes longer, and no
    more than are assembled in about a second. That is for the main thread of a worker.
    """
    found = []
    started = time.process_time()
    for path in paths:
        assembled = _assemble_file(path, providers, redactor, seconds)
        found.append(assembled)
        if assembled.over_limit or (seconds is not None and time.process_time() - started > _SECONDS_AT_ONCE):
            break
    return found


def _assemble_file(
    path: Path, providers: Mapping[str, ExchangeParser] | None, redactor: Redactor | None, seconds: float | None
) -> Assembled:
    limit = None if seconds is None else seconds + _size(path) * _SECONDS_A_BYTE
    try:
        with nullcontext() if limit is None else processor_limit(limit):
            id_, capture = _read(path)
            if not capture:
                return Assembled(is_empty=True)
            now = datetime.now(UTC)
            known = PROVIDERS if providers is None else providers
            record = assemble(capture, id=id_, recorded_at=now, providers=known, redactor=redactor)
            return Assembled(record, readable_fingerprint(record.document))
    except OverLimit:
        return _assemble_plainly(path, f"it takes more than {limit:.3g} s of processor time", redactor)
    except FileNotFoundError:
        return Assembled()
    except (OSError, MemoryError):
        raise  # not the capture's fault, or no other worker's
    except CaptureUnreadable as exc:
        return Assembled(unreadable=str(exc))
    except Exception as exc:
        # Whatever this capture is, those after it must not wait for it. Its bytes are kept.
        return Assembled(unreadable=f"{type(exc).__name__}: {exc}")


def _assemble_plainly(path: Path, why: str, redactor: Redactor | None) -> Assembled:
    """The record of a capture that is not read, for the reason given."""
    if redactor is not None:
        # What it has to be redacted for is in there, or is not: nobody knows.
        return Assembled(unreadable=f"it cannot be looked through for redact_patterns: {why}", over_limit=True)
    try:
        id_, capture = _read(path)
        return Assembled(assemble_plainly(capture, id=id_, recorded_at=datetime.now(UTC), why=why), over_limit=True)
    except FileNotFoundError:
        return Assembled()
    except (CaptureUnreadable, MemoryError) as exc:
        return Assembled(unreadable=f"{why}; {exc}", over_limit=True)


def _read(path: Path) -> tuple[ObjectId, bytes]:
    id_ = capture_id(path)
    if id_ is None:
        raise CaptureUnreadable("the file's name is no capture's id")
    return id_, path.read_bytes()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


# A worker remembers the documents of the last batch: their texts can only be told once their places in threads are
# known, and sending megabytes of documents back for that would take as long as assembling them.
_remembered: Final[dict[ObjectId, Interaction]] = {}


def _assemble_and_remember(
    paths: Iterable[Path], providers: Mapping[str, ExchangeParser] | None, redactor: Redactor | None, seconds: float
) -> list[Assembled]:
    _remembered.clear()
    found = assemble_files(paths, providers, redactor, seconds)
    _remembered.update((each.record.document["_id"], each.record.document) for each in found if each.record)
    return found


def _remembered_texts(threads: Mapping[ObjectId, Thread | None]) -> list[str] | None:
    """The texts of the documents of the last batch, with these places; None where it has not all of them."""
    documents = [_remembered.get(id_) for id_ in threads]
    _remembered.clear()
    placed = [
        {**document, "thread": thread}
        for document, thread in zip(documents, threads.values(), strict=True)
        if document is not None
    ]
    return _texts(placed) if len(placed) == len(threads) else None  # type: ignore[arg-type]


def _texts(documents: Iterable[Interaction]) -> list[str]:
    return [_text(document) for document in documents]


def _text(document: Interaction) -> str:
    try:
        with processor_limit(_SECONDS_OF_A_TEXT):
            return text_of(document)
    except OverLimit:
        _log.warning("No search for words will find %s: it takes too long to tell its text", document["_id"])
        return ""
