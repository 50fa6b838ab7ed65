"""CSV and Parquet, read by Python, pyarrow and DuckDB."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from gemtap.exporters.rows import BODIES, COLUMNS
from gemtap.stores.base import Store
from tests.records import NOON, REQUEST_RAW, make_record
from tests.unit.exporters.exported import export

pytestmark = pytest.mark.anyio


def rows_of(content: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def test_csv(store: Store) -> None:
    """CSV has one row per interaction."""
    record = make_record(note='a "note",\nwith more', tags=["a", "b"])
    await store.put([record])
    content, report = await export("csv", store)
    (row,) = rows_of(content)
    assert list(row) == list(COLUMNS)
    assert row["id"] == str(record.document["_id"])
    assert row["timestamp"] == "2026-03-14T12:00:00.123Z"
    assert (row["status"], row["input_tokens"], row["cached_tokens"], row["cost_usd"]) == ("200", "7", "", "0.000125")
    assert (row["streaming"], row["tags"], row["note"]) == ("false", "a, b", 'a "note",\nwith more')
    assert report.written["train"] == 1


async def test_csv_of_nothing_has_its_names(store: Store) -> None:
    """An empty CSV has a header."""
    content, _ = await export("csv", store)
    assert content == (",".join(COLUMNS) + "\r\n").encode()


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
async def test_what_a_model_wrote_becomes_no_formula(store: Store, formula: str) -> None:
    """Texts that begin like formulas are escaped in CSV."""
    await store.put([make_record(preview={"prompt": "Hi", "answer": formula})])
    content, _ = await export("csv", store)
    assert rows_of(content)[0]["answer"] == f"'{formula}"


@pytest.mark.parametrize("name", ["csv", "parquet"])
async def test_bodies_can_be_had(store: Store, tmp_path: Path, name: str) -> None:
    """Bodies are exported on request."""
    await store.put([make_record(response_raw=b"text")])
    content, _ = await export(name, store, bodies=True)
    (tmp_path / "file").write_bytes(content)
    read = rows_of(content) if name == "csv" else pyarrow.parquet.read_table(tmp_path / "file").to_pylist()
    (row,) = read
    assert list(row) == [*COLUMNS, *BODIES]
    assert json.loads(row["request_body"]) == json.loads(REQUEST_RAW)
    assert row["response_body"] == "text"


async def test_parquet_is_read_by_pyarrow(store: Store, tmp_path: Path) -> None:
    """pyarrow reads the Parquet file."""
    record = make_record()
    await store.put([record, make_record(answered=False, cost=None, thread=None, timestamp=NOON + timedelta(1))])
    content, _ = await export("parquet", store)
    (tmp_path / "file.parquet").write_bytes(content)
    first, second = pyarrow.parquet.read_table(tmp_path / "file.parquet").to_pylist()
    assert list(first) == list(COLUMNS)
    assert first["timestamp"] == NOON
    assert (first["id"], first["status"], first["cost_usd"]) == (str(record.document["_id"]), 200, 0.000125)
    assert (second["status"], second["cost_usd"], second["thread"]) == (None, None, None)


async def test_all_of_many_rows_are_in_parquet(store: Store, tmp_path: Path) -> None:
    """They are gathered in batches, and these in groups."""
    records = [make_record(timestamp=NOON + timedelta(seconds=n)) for n in range(2_100)]
    await store.put(records)
    content, report = await export("parquet", store)
    (tmp_path / "file.parquet").write_bytes(content)
    read = pyarrow.parquet.read_table(tmp_path / "file.parquet")
    assert read["id"].to_pylist() == [str(record.document["_id"]) for record in records]
    assert report.written["train"] == 2_100


async def test_parquet_is_read_by_duckdb(store: Store, tmp_path: Path) -> None:
    """DuckDB reads the Parquet file."""
    await store.put([make_record(model="a"), make_record(model="a"), make_record(model="b")])
    content, _ = await export("parquet", store)
    (tmp_path / "file.parquet").write_bytes(content)
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT model, count(*), sum(input_tokens), max(timestamp)::TIMESTAMP "
            "FROM read_parquet(?) GROUP BY model ORDER BY model",
            [str(tmp_path / "file.parquet")],
        ).fetchall()
    noon = NOON.replace(tzinfo=None)
    assert found == [("a", 2, 14, noon), ("b", 1, 7, noon)]


async def test_parquet_of_nothing_is_a_table_too(store: Store, tmp_path: Path) -> None:
    """An empty Parquet file has its columns."""
    content, _ = await export("parquet", store)
    (tmp_path / "file.parquet").write_bytes(content)
    assert pyarrow.parquet.read_table(tmp_path / "file.parquet").num_rows == 0
