"""What was exported as JSON lines, imported into an empty store of the other kind: equal. In flat memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from gemtap.exporters import jsonl
from gemtap.exporters.base import ExportOptions, Report
from gemtap.importers.files import import_file
from gemtap.stores.base import Store
from tests.contract.test_copy import other, other_url  # noqa: F401 - fixtures
from tests.contract.test_moving import RECORDS, contents
from tests.records import make_record
from tests.unit.importers.imported import WITH

pytestmark = pytest.mark.anyio


async def export(store: Store, path: Path) -> None:
    with path.open("wb") as file:
        async for piece in jsonl.write(store, ExportOptions(), Report()):
            file.write(piece.content)


async def test_there_and_again(store: Store, other: Store, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    """An exported file that is imported into another store gives the same interactions."""
    await store.put(RECORDS)
    await export(store, tmp_path / "all.jsonl")
    done = await import_file(tmp_path / "all.jsonl", other, WITH)
    assert (done.read, done.stored, done.faulty) == (len(RECORDS), len(RECORDS), 0)
    assert await contents(other) == await contents(store)
    again = await import_file(tmp_path / "all.jsonl", other, WITH)
    assert (again.stored, again.present) == (0, len(RECORDS))
    await export(other, tmp_path / "again.jsonl")
    first, second = (
        [json.loads(line) for line in (tmp_path / name).read_bytes().splitlines()]
        for name in ("all.jsonl", "again.jsonl")
    )
    assert first == second


async def test_a_whole_one_takes_the_place_of_an_interrupted_one(store: Store, tmp_path: Path) -> None:
    """An imported interaction replaces one that is stored as interrupted."""
    whole = make_record()
    torn = make_record(_id=whole.document["_id"], outcome="interrupted")
    (tmp_path / "torn.jsonl").write_bytes(jsonl.to_line(torn))
    (tmp_path / "whole.jsonl").write_bytes(jsonl.to_line(whole))
    for name, outcome, stored in (("torn", "interrupted", 1), ("whole", "complete", 1), ("torn", "complete", 0)):
        done = await import_file(tmp_path / f"{name}.jsonl", store, WITH)
        document = await store.get(whole.document["_id"])
        assert document is not None
        assert (document["outcome"], done.stored) == (outcome, stored)


async def test_a_large_file_is_never_in_memory_as_a_whole(store: Store, tmp_path: Path) -> None:
    """A hundred interactions of 1 MB."""
    with (tmp_path / "large.jsonl").open("wb") as file:
        for _ in range(100):
            body = json.dumps({"contents": [{"parts": [{"text": "x" * 1_000_000}]}]}).encode()
            file.write(jsonl.to_line(make_record(request_raw=body)))
    tracemalloc.start()
    try:
        done = await import_file(tmp_path / "large.jsonl", store, WITH)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.stored == 100
    assert peak < 70_000_000
