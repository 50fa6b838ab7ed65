"""Captures assembled where hostile ones can do no harm: in a worker, each with a bound of time and memory.

Captures are never small by themselves: 32 KB may unpack to 64 MiB, and a parser may take the square of its input's
length. So all of them go there, not only those that look dangerous. It costs little: a worker gets places and returns
records, and what it does no longer holds up the pages of the desk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final

from bson import ObjectId

from gemtap.conversation import Conversation
from gemtap.interaction import Interaction, Thread
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble, assemble_plainly, assemble_read
from gemtap.recorder.capture_result import CaptureResult, arrived, sent
from gemtap.recorder.captured import CaptureUnreadable
from gemtap.recorder.fingerprint import readable_fingerprint
from gemtap.recorder.last_batch import LastBatch, Said
from gemtap.recorder.left_in_bytes import whole_document
from gemtap.recorder.redact import Redactor
from gemtap.recorder.resent import ResentBodies
from gemtap.recorder.resent_bytes import HeldRequests, RequestSender
from gemtap.recorder.searchable import text_of, text_said
from gemtap.recorder.waiting import Source
from gemtap.stores.base import Record
from gemtap.workers import JobFailed, OverLimit, Workers, WorkersUnavailable, processor_limit

_log = logging.getLogger(__name__)

_SECONDS: Final = 5.0
_SECONDS_A_BYTE: Final = 0.5e-6
"""Processor time that assembling a capture may take: besides, and for each byte. Most take a twentieth of it."""

_SECONDS_AT_ONCE: Final = 1.0
"""Processor time after which assembled captures are recorded, so that newer ones do not wait."""

_SECONDS_OF_TEXTS: Final = 20.0
"""Processor time for the texts of documents that were assembled at once."""

_SECONDS_OF_A_TEXT: Final = 2.0
"""Processor time for the text by which searches find a document."""


class Assembler:
    """Makes records of captures: in a worker or, without one, in a thread."""

    def __init__(
        self,
        providers: Mapping[str, ExchangeParser],
        redactor: Redactor | None,
        workers: Workers | None = None,
        seconds: float = _SECONDS,
        *,
        with_values: bool = True,
    ) -> None:
        """`seconds` of processor time for each capture, besides those for its size.

        Without `with_values`, workers leave values of requests in their bytes: see `gemtap.recorder.left_in_bytes`.
        """
        # A worker has those of the registry itself: a plug-in may have what cannot be pickled.
        self._providers = None if providers is PROVIDERS else providers
        self._seconds = seconds
        self._suspects = 0
        """Captures, the next ones, among which one has ended its worker: each of them is assembled alone."""
        self._redactor = redactor
        self._workers = workers
        self._with_values = with_values
        self._held = HeldRequests()
        self._batch = LastBatch()
        self._resent = ResentBodies()
        self._resent.wants_gives_back = with_values

    async def assemble(self, sources: Sequence[Source]) -> list[CaptureResult]:
        """What the first of the captures hold: at least one of them, and as many as are assembled in about a second.

        Raises OSError, and WorkersUnavailable: it can be tried again. A capture that takes too much, or ends its
        worker, is recorded without being read.
        """
        if self._workers is None:
            self._batch.clear()
            return await asyncio.to_thread(
                _assemble_all,
                sources,
                self._providers,
                self._redactor,
                self._batch,
                self._resent,
            )
        if self._suspects > 0:
            self._suspects -= 1
            sources = sources[:1]
        seconds = self._seconds + max(source.size for source in sources) * _SECONDS_A_BYTE
        try:
            results = await self._workers.run(
                # More than the limit of a single capture, whose error explains the cause.
                seconds + _SECONDS_AT_ONCE + 1,
                _assemble_and_remember,
                sources,
                self._providers,
                self._redactor,
                self._seconds,
                self._with_values,
                self._held.names,
            )
        except WorkersUnavailable:
            raise
        except JobFailed as exc:
            if len(sources) == 1:
                return [await asyncio.to_thread(_assemble_plainly, sources[0], str(exc), self._redactor)]
            # One of them is the cause: one by one, the others are assembled.
            self._suspects = len(sources)
            return await self.assemble(sources)
        return arrived(results, self._held)

    async def new_texts(self, records: Sequence[Record]) -> list[str]:
        """The text of each record that was just assembled, see `gemtap.recorder.searchable`."""
        threads = {record.document["_id"]: record.document["thread"] for record in records}
        if self._workers is None:
            said = self._batch.take(threads)
            return await asyncio.to_thread(_texts_here, records, said)
        try:
            remembered = await self._workers.run(_seconds_of_texts(records), _remembered_texts, threads)
        except WorkersUnavailable:
            raise
        except JobFailed:
            remembered = None
        return await self._texts(records) if remembered is None else remembered

    async def texts(self, documents: Sequence[Interaction]) -> list[str]:
        """The text of each stored document."""
        return await self._texts([Record(document, b"", b"", accumulated=False) for document in documents])

    async def _texts(self, records: Sequence[Record]) -> list[str]:
        """The text of each; empty if that takes too long."""
        if self._workers is None:
            return await asyncio.to_thread(_texts_here, records, None)
        try:
            return await self._workers.run(_seconds_of_texts(records), _whole_texts, records)
        except WorkersUnavailable:
            raise
        except JobFailed as exc:
            if len(records) > 1:
                return [text for record in records for text in await self._texts([record])]
            _log.warning("No search for words will find %s: %s", records[0].document["_id"], exc)
            return [""]


def _seconds_of_texts(records: Sequence[Record]) -> float:
    return _SECONDS_OF_TEXTS + _SECONDS_OF_A_TEXT * len(records)


def read_document(
    capture: bytes, id_: ObjectId, providers: Mapping[str, ExchangeParser] | None, redactor: Redactor | None
) -> Interaction:
    """The document of an unfinished capture; None for the registry's providers. Raises CaptureUnreadable."""
    providers = PROVIDERS if providers is None else providers
    return assemble(capture, id=id_, recorded_at=datetime.now(UTC), providers=providers, redactor=redactor).document


def _assemble_all(
    sources: Iterable[Source],
    providers: Mapping[str, ExchangeParser] | None,
    redactor: Redactor | None,
    batch: LastBatch,
    resent: ResentBodies,
    seconds: float | None = None,
) -> list[CaptureResult]:
    """What these captures hold; `batch` remembers it, and `resent` the requests.

    With `seconds` of processor time for each, besides those for its size: up to the first that takes longer, and no
    more than are assembled in about a second. That is for the main thread of a worker.
    """
    found = []
    started = time.process_time()
    for source in sources:
        assembled = _assemble_one(source, providers, redactor, batch, resent, seconds)
        found.append(assembled)
        if assembled.over_limit or (seconds is not None and time.process_time() - started > _SECONDS_AT_ONCE):
            break
    return found


def _assemble_one(
    source: Source,
    providers: Mapping[str, ExchangeParser] | None,
    redactor: Redactor | None,
    batch: LastBatch,
    resent: ResentBodies,
    seconds: float | None,
) -> CaptureResult:
    limit = None if seconds is None else seconds + source.size * _SECONDS_A_BYTE
    try:
        with nullcontext() if limit is None else processor_limit(limit):
            id_, capture = _read(source)
            if not capture:
                return CaptureResult()
            now = datetime.now(UTC)
            known = PROVIDERS if providers is None else providers
            assembled = assemble_read(capture, id_, now, known, redactor, resent.parse)
            batch.remember(assembled)
            return CaptureResult(assembled.record, readable_fingerprint(assembled.conversation, id_))
    except OverLimit:
        resent.clear()  # it may have been interrupted
        return _assemble_plainly(source, f"it takes more than {limit:.3g} s of processor time", redactor)
    except FileNotFoundError:
        return CaptureResult()
    except (OSError, MemoryError):
        raise  # not the capture's fault, or no other worker's
    except CaptureUnreadable as exc:
        return CaptureResult(unreadable=str(exc))
    except Exception as exc:
        # This capture must not hold up those after it. Its bytes are stored.
        return CaptureResult(unreadable=f"{type(exc).__name__}: {exc}")


def _assemble_plainly(source: Source, why: str, redactor: Redactor | None) -> CaptureResult:
    """The record of a capture that is not parsed, for the given reason."""
    if redactor is not None:
        # It is unknown whether it contains anything to redact.
        return CaptureResult(unreadable=f"it cannot be looked through for redact_patterns: {why}", over_limit=True)
    try:
        id_, capture = _read(source)
        return CaptureResult(assemble_plainly(capture, id=id_, recorded_at=datetime.now(UTC), why=why), over_limit=True)
    except FileNotFoundError:
        return CaptureResult()
    except (CaptureUnreadable, MemoryError) as exc:
        return CaptureResult(unreadable=f"{why}; {exc}", over_limit=True)


def _read(source: Source) -> tuple[ObjectId, bytes]:
    if source.id is None:
        raise CaptureUnreadable("the file's name is no capture's id")
    return source.id, source.read()


_last_batch: Final = LastBatch()
"""That of this worker."""

_resent: Final = ResentBodies()
"""Those of this worker."""

_sender: Final = RequestSender()
"""That of this worker."""


def _assemble_and_remember(
    sources: Iterable[Source],
    providers: Mapping[str, ExchangeParser] | None,
    redactor: Redactor | None,
    seconds: float,
    with_values: bool,
    held: Iterable[ObjectId],
) -> list[CaptureResult]:
    _last_batch.clear()
    _resent.wants_gives_back = with_values
    results = _assemble_all(sources, providers, redactor, _last_batch, _resent, seconds)
    return sent(results, _sender, held, with_values=with_values)


def _remembered_texts(threads: Mapping[ObjectId, Thread | None]) -> list[str] | None:
    """The texts of these documents of the last batch, with their threads; None if some are not in it."""
    said = _last_batch.take(threads)
    return None if said is None else [_limited(text_said, each.document, each.conversation) for each in said]


def _whole_texts(records: Iterable[Record]) -> list[str]:
    return [_limited(text_of, whole_document(record)) for record in records]


def _limited(make_text: Callable[..., str], document: Interaction, *rest: Conversation | None) -> str:
    try:
        with processor_limit(_SECONDS_OF_A_TEXT):
            return make_text(document, *rest)
    except OverLimit:
        _log.warning("No search for words will find %s: it takes too long to tell its text", document["_id"])
        return ""


def _texts_here(records: Iterable[Record], said: Iterable[Said] | None) -> list[str]:
    """Without a limit: only the main thread of a process can have one."""
    if said is None:
        return [text_of(whole_document(record)) for record in records]
    return [text_said(each.document, each.conversation) for each in said]
