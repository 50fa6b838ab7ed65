"""What SQLite filters by keeps up with the documents."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Store
from gemtap.stores.sqlite import SqliteStore
from tests.records import make_record

pytestmark = pytest.mark.anyio


def indexed(path: Path) -> list[Any]:
    """Ratings and tags as the columns have them."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT rating, group_concat(tag, ' ') FROM interactions LEFT JOIN tags USING (number) GROUP BY number"
        ).fetchall()


async def test_columns_follow_the_document(tmp_path: Path) -> None:
    """Annotations change the columns together with the document."""
    path = tmp_path / "gemtap.db"
    store: Store = SqliteStore(path)
    await store.open()
    id_ = ObjectId()
    await store.put([make_record(_id=id_, outcome="interrupted", tags=["half", "half"], rating="bad")])
    assert indexed(path) == [("bad", "half")]
    await store.annotate(id_, tags=["b", "a"], rating="good")
    assert indexed(path) == [("good", "a b")]
    await store.put([make_record(_id=id_, tags=[])])
    assert indexed(path) == [(None, None)]
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM tags").fetchone() == (0,)
