"""What is in a spool, for tests: the captures in journals and in files, as bytes."""

from __future__ import annotations

import os
from pathlib import Path

from bson import ObjectId

from gemtap.capture.journal import JournalReader
from gemtap.capture.spool import Spool, capture_id, lock_folder


def ended(spool: Path) -> dict[ObjectId, bytes]:
    """Captures of exchanges that are over, or whose tap is dead."""
    files = list((spool / "ready").glob("*.capture"))
    found: dict[ObjectId, bytes] = {}
    for folder in Spool(spool).taps():
        lock = lock_folder(folder)
        reader = JournalReader(folder)
        while (each := reader.next()) is not None:
            found[each[0].id] = each[0].read()
        if lock is not None:
            found |= {each.id: each.read() for each in reader.open.values()}
            files += folder.glob("*.capture")
            os.close(lock)
        reader.close()
    return found | _contents(files)


def under_way(spool: Path) -> dict[ObjectId, bytes]:
    """Captures of exchanges that are not over."""
    found: dict[ObjectId, bytes] = {}
    for folder in Spool(spool).taps():
        reader = JournalReader(folder)
        try:
            while reader.next() is not None:
                pass
            found |= {each.id: each.read() for each in reader.open.values()}
        finally:
            # The recorder may have deleted a segment meanwhile: an open one would keep its file system mounted.
            reader.close()
    return found | _contents(list((spool / "open").glob("*/*.capture")))


def _contents(files: list[Path]) -> dict[ObjectId, bytes]:
    found = {}
    for path in files:
        id_ = capture_id(path)
        assert id_ is not None
        try:
            found[id_] = path.read_bytes()
        except FileNotFoundError:
            continue  # moved or recorded at this moment
    return found
