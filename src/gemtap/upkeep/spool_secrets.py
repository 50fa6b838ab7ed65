"""Secrets in a spool: in captures that wait, are under way or can never be stored, and in the notes beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bson import ObjectId

from gemtap.capture.frames import SegmentName
from gemtap.capture.journal import JournalReader
from gemtap.capture.spool import SUFFIX, Spool, capture_id
from gemtap.known_secrets import KnownSecrets
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.captured import CaptureUnreadable
from gemtap.upkeep.secrets import examined


@dataclass(frozen=True)
class SpooledSecret:
    """Where a secret stands in a spool. Never the secret."""

    file: str
    """Relative to the spool: `failed/66f1c0ffee0123456789abcd.capture`."""
    where: str
    """`request.headers.x-api-key`, ..., or `bytes` of a file that cannot be read as a capture."""
    kind: str
    """For people: what it was recognized by."""


async def examine_spool(spool: Spool) -> AsyncIterator[list[SpooledSecret]]:
    """The secrets of each file that is not empty, in no particular order. Files that go away meanwhile are left out."""
    known = KnownSecrets()
    for folder in await asyncio.to_thread(spool.taps):
        for found in await asyncio.to_thread(_secrets_of_journal, spool, folder, known):
            yield found
    for path in await asyncio.to_thread(_files, spool.path):
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            continue  # it is recorded by now
        if content:
            yield await asyncio.to_thread(_secrets, spool, path, content, known)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and SegmentName.parse(path.name) is None)


def _secrets_of_journal(spool: Spool, folder: Path, known: KnownSecrets) -> list[list[SpooledSecret]]:
    """The secrets of each segment, also in exchanges that are recorded, as long as they are on the disk."""
    reader = JournalReader(folder)
    found: dict[str, set[tuple[str, str]]] = {}
    captures = []
    try:
        while (ended := reader.next()) is not None:
            captures.append(ended[0])
    finally:
        reader.close()
    captures += [*reader.open.values(), *reader.moved.values()]
    for capture in captures:
        try:
            secrets = _in_capture(capture.read(), capture.id, known)
        except FileNotFoundError:
            continue  # it is recorded and deleted by now
        for segment in capture.segments.values():
            found.setdefault(segment, set()).update(secrets)
    for damage in reader.damage:
        with (folder / damage.segment).open("rb") as file:
            file.seek(damage.start)
            raw = file.read(damage.end - damage.start)
        found.setdefault(damage.segment, set()).update(("bytes", each.kind) for each in known.find(raw))
    return [
        [SpooledSecret(str((folder / name).relative_to(spool.path)), where, kind) for where, kind in sorted(secrets)]
        for name, secrets in found.items()
    ]


def _secrets(spool: Spool, path: Path, content: bytes, known: KnownSecrets) -> list[SpooledSecret]:
    if path.name.endswith(SUFFIX):
        found = _in_capture(content, capture_id(path) or ObjectId(), known)
    else:
        found = _in_bytes(content, known)
    file = str(path.relative_to(spool.path))
    return [SpooledSecret(file, where, kind) for where, kind in sorted(found)]


def _in_capture(content: bytes, id_: ObjectId, known: KnownSecrets) -> set[tuple[str, str]]:
    try:
        record = assemble(content, id=id_, recorded_at=datetime.now(UTC), providers=PROVIDERS)
    except (CaptureUnreadable, MemoryError):
        return _in_bytes(content, known)
    return {(each.where, each.kind) for each in examined(record, known).secrets}


def _in_bytes(content: bytes, known: KnownSecrets) -> set[tuple[str, str]]:
    """What is no capture, or cannot be read as one, may hold a key in the clear, whatever it is."""
    return {("bytes", each.kind) for each in known.find(content)}
