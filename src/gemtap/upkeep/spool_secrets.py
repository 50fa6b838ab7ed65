"""Secrets in a spool: in captures that wait, are under way or can never be stored, and in the notes beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bson import ObjectId

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
    for path in await asyncio.to_thread(_files, spool.path):
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            continue  # it is recorded by now
        if content:
            yield await asyncio.to_thread(_secrets, spool, path, content, known)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _secrets(spool: Spool, path: Path, content: bytes, known: KnownSecrets) -> list[SpooledSecret]:
    file = str(path.relative_to(spool.path))
    # A file that is no capture, or cannot be read as one, may hold a key in the clear, whatever it is.
    found = {("bytes", each.kind) for each in known.find(content)}
    if path.name.endswith(SUFFIX):
        try:
            id_ = capture_id(path) or ObjectId()
            record = assemble(content, id=id_, recorded_at=datetime.now(UTC), providers=PROVIDERS)
        except (CaptureUnreadable, MemoryError):
            pass
        else:
            found = {(each.where, each.kind) for each in examined(record, known).secrets}
    return [SpooledSecret(file, where, kind) for where, kind in sorted(found)]
