"""From one store through a file of JSON lines into an empty store of the other kind: equal, to the last byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.exporters import jsonl
from gemtap.exporters.base import ExportOptions, Report
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from tests.exactness import exactly
from tests.records import make_record

pytestmark = pytest.mark.anyio

RECORDS = [
    make_record(),
    make_record(answered=False, outcome="upstream_unreachable", request_duration_ms=None),
    make_record(request_raw=b"", response_raw=b""),
    make_record(request_raw=b"\xff\x00\xfe", response_raw=b"text \xe2\x98\x83"),
    make_record(request_raw=b'{"a":1e2,"b":"\\u003c","c":NaN}', response_raw=b'{"a":1,"a":2}'),
    make_record(
        request_raw=b'{"big":123456789012345678901234567890,"half":"\\ud800"}', response_raw=b'"just a string"'
    ),
    make_record(response_raw=b"data: 1\n\n", accumulated={"a": [1, None]}, chunks={"at_ms": [1.5], "bytes": [9]}),
    make_record(response_raw=b"data: \xff\n\n", accumulated={"base64": "AA=="}),
    make_record(request_raw=b'{"base64":"AA=="}', response_raw=b'{"raw":"x","body_binary":true}'),
    make_record(thread=None, cost=None, tags=[], rating="good", note="ein „Wort“", outcome="interrupted"),
    make_record(replay_of=ObjectId()),
    make_record(request={"body_truncated": True, "body_sha256": "00", "body_bytes": 10**12}),
]


@pytest.fixture
async def other(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of the other kind."""
    is_sqlite = type(store).__name__ == "SqliteStore"
    url = f"{request.getfixturevalue('mongod').url}/other" if is_sqlite else f"sqlite:///{tmp_path / 'other.db'}"
    other = open_store(url)
    await other.open()
    async for document in other.scan(Filter()):
        raise AssertionError(f"it is not empty: {document['_id']}")
    yield other
    await other.close()
    if is_sqlite:
        from pymongo import MongoClient

        with MongoClient[dict[str, object]](url) as client:
            client.drop_database("other")


async def contents(store: Store) -> list[object]:
    return [
        (
            exactly(document),
            await store.raw(document["_id"], "request"),
            await store.raw(document["_id"], "response"),
        )
        async for document in store.scan(Filter())
    ]


async def move(store: Store, other: Store) -> None:
    async for piece in jsonl.write(store, ExportOptions(), Report()):
        await other.put([jsonl.from_line(piece.content)])


async def test_round_trip(store: Store, other: Store) -> None:
    """A store that is exported and imported elsewhere has the same documents and bytes."""
    await store.put(RECORDS)
    await move(store, other)
    assert await contents(other) == await contents(store)


async def test_exported_again_it_says_the_same(store: Store, other: Store) -> None:
    """The export of an imported store equals the first export."""
    await store.put(RECORDS)
    await move(store, other)
    first, second = [
        [json.loads(piece.content) async for piece in jsonl.write(each, ExportOptions(), Report())]
        for each in (store, other)
    ]
    assert first == second


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.binary(max_size=60) | st.text().map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=60),
    st.none() | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.integers(-5, 5), max_size=3),
)
def test_any_bytes_come_back(request_raw: bytes, response_raw: bytes, accumulated: object) -> None:
    """Any bytes survive export and import."""
    record: Record = make_record(request_raw=request_raw, response_raw=response_raw, accumulated=accumulated)
    moved = jsonl.from_line(jsonl.to_line(record))
    assert exactly(moved.document) == exactly(record.document)
    assert (moved.request_raw, moved.response_raw) == (record.request_raw, record.response_raw)


async def test_what_was_recorded_before_there_was_a_context(store: Store, other: Store) -> None:
    """Documents without `context` are exported and imported."""
    record = make_record()
    del record.document["context"]  # type: ignore[misc]  # as documents of earlier versions are
    await store.put([record])
    await move(store, other)
    assert await contents(other) == await contents(store)
