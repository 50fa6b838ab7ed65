"""The store of a Gemtap whose data is on a disk that loses its power."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.mongod import Mongod

StoreKind = Literal["sqlite", "mongodb"]


@contextmanager
def store_on(folder: Path, kind: StoreKind) -> Iterator[str]:
    """The URL of the store in the folder, while its server runs, if it has one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'data' / 'gemtap.db'}"
        return
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        yield f"{mongod.url}/power"
    finally:
        mongod.stop()
