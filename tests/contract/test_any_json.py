"""The round trip of arbitrary bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.body import parse_body
from gemtap.stores.base import Store
from tests.exactness import exactly
from tests.records import make_record

pytestmark = pytest.mark.anyio

# One store takes all the examples: each has an id of its own.
against_a_server = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

keys = st.one_of(st.text(), st.sampled_from(["", "_id", "$ref", "$id", "$db", "$set", "a.b", ".", "$", "\0", "raw"]))
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
json_values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)
layouts = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(value=json_values, layout=layouts)
@against_a_server
async def test_any_json_body_comes_back_exactly(store: Store, value: Any, layout: dict[str, Any]) -> None:
    """Any JSON text comes back with the same value and the same bytes."""
    await check(store, json.dumps(value, **layout).encode())


@given(raw=st.binary(max_size=200))
@against_a_server
async def test_any_bytes_come_back_exactly(store: Store, raw: bytes) -> None:
    """Any bytes come back unchanged."""
    await check(store, raw)


@given(value=json_values)
@against_a_server
async def test_any_accumulated_answer_comes_back_exactly(store: Store, value: Any) -> None:
    """What the recorder accumulates from frames has been through `storable` like any body."""
    storable = parse_body(json.dumps(value).encode()).value
    record = make_record(response_raw=b"data: {}\n\n", accumulated=storable)
    await store.put([record])
    found: Any = await store.get(record.document["_id"])
    assert exactly(found["response"]) == exactly(record.document["response"])
    assert await store.raw(record.document["_id"], "response") == record.response_raw


async def check(store: Store, raw: bytes) -> None:
    record = make_record(request_raw=raw, response_raw=raw)
    id_ = record.document["_id"]
    await store.put([record])
    assert exactly(await store.get(id_)) == exactly(record.document)
    assert await store.raw(id_, "request") == raw
    assert await store.raw(id_, "response") == raw
