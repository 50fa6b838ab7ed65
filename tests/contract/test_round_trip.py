"""What is put is what comes back, whatever the exchange was."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgpack
import pytest
from bson import ObjectId

from gemtap.exporters.jsonl import from_line, to_line
from gemtap.interaction import NO_TOKENS, Outcome, summary
from gemtap.stores.base import Filter, Record, Store
from tests.exactness import exactly
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


BODIES = {
    "object": b'{"a":1,"b":[true,false,null]}',
    "array": b'[1,"two",3.5]',
    "string": b'"just a string"',
    "number": b"42",
    "true": b"true",
    "null": b"null",
    "empty": b"",
    "empty object": b"{}",
    "empty string": b'""',
    "text": b"plain text, no JSON",
    "text with NUL": b"a\0b",
    "text like a number": b" 42 ",
    "unicode": '{"größe":"日本語 🎉\\u2028"}'.encode(),
    "escapes": b'{"a":"\\u003cb\\u003e\\/"}',
    "lone surrogate": b'{"a":"\\ud800","b":1}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "binary": bytes(range(256)),
    "pretty-printed": json.dumps({"a": {"b": [1, 2]}}, indent=2).encode(),
    "keys of MongoDB": b'{"$set":{"a.b":1},"_id":{"$oid":"x"},"":{"":2},".":3,"$":4}',
    "_id in arrays": b'[{"_id":[1]},{"_id":null}]',
    "references": b'{"z":{"$id":"first","type":"object","$ref":"#/x","$db":null},"y":[{"$ref":"a","$id":{"k":1}}]}',
    "references only": b'{"$ref":"#/defs/x","n":{"$id":1}}',
    "order of keys": b'{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "duplicate keys": b'{"a":1,"a":2}',
    "64-bit integers": b"[9223372036854775807,-9223372036854775808,2147483648,-2147483649,2147483647]",
    "larger integers": b'{"big":9223372036854775808,"list":[1,-9223372036854775809]}',
    "floats": b"[1E2,-0.0,0.1,1e-7,1.0,5e-324,1.7976931348623157e308,-0]",
    "infinite float": b"[1e400]",
    "NUL in a key": b'{"a\\u0000b":1,"c":2}',
    "deep": nested(100),
    "too deep": nested(101),
    "much too deep": nested(10_000),
    "NaN is no JSON": b"[NaN]",
}


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES.keys())
async def test_every_kind_of_body_comes_back_exactly(store: Store, raw: bytes) -> None:
    """Bodies of every kind come back with the same value and the same bytes."""
    await check_round_trip(store, make_record(request_raw=raw, response_raw=raw))


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_an_exchange_comes_back_however_it_ended(store: Store, outcome: Outcome) -> None:
    """A document of every outcome comes back unchanged."""
    error = {"message": "It went wrong.", "details": {"code": 500, "$why": ["a.b"]}}
    await check_round_trip(store, make_record(outcome=str(outcome), error=error))


async def test_an_exchange_without_an_answer_comes_back(store: Store) -> None:
    """A document without a response comes back unchanged."""
    record = make_record(
        answered=False,
        outcome="upstream_unreachable",
        request_duration_ms=None,
        generation_settings=None,
        usage_metadata=None,
        model=None,
        model_version=None,
        cost=None,
        finish_reason=None,
        thread=None,
        tokens=NO_TOKENS,
        client=dict.fromkeys(("name", "version", "user_agent", "address", "key", "user")),
        preview={"prompt": None, "answer": None},
        tags=[],
    )
    await check_round_trip(store, record)


async def test_a_first_turn_has_no_parent(store: Store) -> None:
    """The first turn of a thread comes back with the parent None."""
    await check_round_trip(store, make_record(thread={"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}))


async def test_free_json_beside_the_bodies_comes_back_exactly(store: Store) -> None:
    """`generationConfig` may hold a JSON Schema, whose `$ref` and `$id` PyMongo would take for a DBRef of its own."""
    schema = {"$id": "x", "$ref": "#/y", "a.b": {"": -0.0, "$type": 2**40}}
    record = make_record(generation_settings={"responseSchema": schema}, error={"message": "no", "details": [schema]})
    await check_round_trip(store, record)


async def test_a_stream_keeps_its_frames_its_accumulated_answer_and_its_times(store: Store) -> None:
    """A stream keeps its bytes, its accumulated body and its chunk times."""
    frames = b'data: {"text": "Ray"}\r\n\r\ndata: {"text": "leigh", "n": 1E2}\r\n\r\n'
    record = make_record(
        response_raw=frames,
        accumulated={"text": "Rayleigh", "n": 100.0, "z": -0.0, "$ref": "b", "$id": 1},
        chunks={"at_ms": [0.0, 12.25, 12.5], "bytes": [10, 2**40, 30]},
    )
    await check_round_trip(store, record)


@pytest.mark.parametrize("accumulated", [{}, [], "", "text", 0, False, b"\xff\0"], ids=repr)
async def test_an_accumulated_answer_may_be_any_value(store: Store, accumulated: object) -> None:
    """An accumulated body may be any JSON value."""
    await check_round_trip(store, make_record(response_raw=b"data: {}\n\n", accumulated=accumulated))


@pytest.mark.parametrize("raw", [b"{}", b"null", b"text", b"\xff"])
async def test_a_value_that_was_left_out_stays_out_and_its_bytes_are_there(store: Store, raw: bytes) -> None:
    """A body without a value has its exact bytes."""
    left_out = {"body": None, "body_incomplete": "it was too much"}
    await check_round_trip(store, make_record(request_raw=raw, request=left_out, response_raw=raw, response=left_out))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"1", 1.0),
        (b"1", True),
        (b"0.0", -0.0),
        (b'{"a":1}', {"a": True}),
        (b"{}", b"{}"),
        (b"{}", "{}"),
        (b"\xff", "text"),
        (b"", ""),
        (b"", {}),
        (b'{"a":1,"b":2}', {"b": 2, "a": 1}),
    ],
)
async def test_a_value_that_is_no_parse_of_the_bytes_comes_back_as_it_was(
    store: Store, raw: bytes, value: object
) -> None:
    """A value that differs from the parsed bytes comes back unchanged."""
    await check_round_trip(store, make_record(request_raw=raw, request={"body": value}))


async def test_a_websocket_session_keeps_its_exact_messages_its_turns_and_its_close(store: Store) -> None:
    """A WebSocket session keeps its messages, turns and closing."""
    sent, got = [1_500, '{"setup": {}}'], [2_500, b'{"setupComplete": {}}']
    record = make_record(
        request_raw=msgpack.packb(sent),
        request={"body": {"messages": [{"at_ms": 1.0, "data": {"setup": {}}}]}},
        response_raw=msgpack.packb(got),
        response={"closing": {"by": "client", "code": 1000, "reason": "ä"}},
        accumulated={"turns": [], "messages": [{"at_ms": 2.0, "data": {"setupComplete": {}}}]},
    )
    await check_round_trip(store, record)


async def test_a_truncated_body_keeps_its_beginning_and_what_is_known_of_the_whole(store: Store) -> None:
    """A truncated body keeps its beginning, true size and hash."""
    truncated = {"body_bytes": 2**33, "body_truncated": True, "body_sha256": "ab" * 32}
    await check_round_trip(store, make_record(request_raw=b'{"a": [1, 2', request=truncated))


async def test_a_large_json_body_comes_back_exactly(store: Store) -> None:
    """3 MB, as an agent sends with a long context."""
    messages = [{"role": "user", "parts": [{"text": f"line {n}: " + "lorem ipsum " * 20}]} for n in range(11_000)]
    raw = json.dumps({"contents": messages}, separators=(",", ":")).encode()
    assert len(raw) > 3_000_000
    await check_round_trip(store, make_record(request_raw=raw, response_raw=raw))


@pytest.mark.parametrize("megabytes", [17, 100])
async def test_a_body_that_no_document_of_mongodb_could_hold_comes_back_exactly(store: Store, megabytes: int) -> None:
    """A file inline: over the 16 MB of a BSON document, so that it lies in pieces beside it."""
    data = "QUJD" * (megabytes * 250_000)
    raw = b'{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"' + data.encode() + b'"}}]}]}'
    record = make_record(request_raw=raw, response_raw=b'{"candidates":[]}')
    await store.put([record])
    assert await store.raw(record.document["_id"], "request") == raw
    found: Any = await store.get(record.document["_id"])
    (part,) = found["request"]["body"]["contents"][0]["parts"]
    assert part["inlineData"]["mimeType"] == "video/mp4"
    if "body_incomplete" in found["request"]:
        assert "over 16 MB" in found["request"]["body_incomplete"]
        assert data.startswith(part["inlineData"].pop("data"))
    else:
        assert part["inlineData"]["data"] == data
    assert found["response"] == record.document["response"]


async def test_ids_and_dates_in_a_list_are_what_they_were(store: Store) -> None:
    """Lists return ObjectIds and datetimes as they were stored."""
    record = make_record()
    await store.put([record])
    (item,) = await store.list(Filter(), limit=10)
    assert exactly(item) == exactly(summary(record.document))


async def test_what_is_not_there_is_none(store: Store) -> None:
    """`get` and `raw` return None for an unknown id."""
    assert await store.get(ObjectId()) is None
    assert await store.raw(ObjectId(), "request") is None
    assert await store.raw(ObjectId(), "response") is None


async def check_round_trip(store: Store, record: Record) -> None:
    """Put the record and read it back in every way there is."""
    document: Any = record.document
    id_ = document["_id"]
    await store.put([record])
    found: Any = await store.get(id_)
    assert exactly(found) == exactly(document)
    for side in ("request", "response"):
        if found[side] is not None and isinstance(found[side]["body"], dict):
            assert json.dumps(found[side]["body"]) == json.dumps(document[side]["body"])  # order too
    assert await store.raw(id_, "request") == record.request_raw
    assert await store.raw(id_, "response") == record.response_raw
    (listed,) = await store.list(Filter(), limit=10)
    assert exactly(listed) == exactly(summary(document))
    assert await store.list(Filter(), order="recorded", limit=10) == [listed]


async def test_what_was_reserved_of_limits_comes_back(store: Store) -> None:
    """Times in it are times, and amounts beyond 32 bits are exact; so they are in an export."""
    reserved = {
        "ledger": "8f2a11c0beef8f2a",
        "limit": 2**48 - 1,
        "measure": "cost",
        "start": NOON.replace(microsecond=0),
        "ends": NOON.replace(microsecond=0) + timedelta(days=1),
        "amount": 2**40,
    }
    record = make_record(reserved=[reserved, {**reserved, "limit": 2}])
    await check_round_trip(store, record)
    assert from_line(to_line(record)).document == record.document


@pytest.mark.parametrize("fields", [{"upstream": "https://api.openai.com"}, {"upstream": None}, {}], ids=str)
async def test_where_it_was_sent(store: Store, fields: dict[str, Any]) -> None:
    """Interactions of earlier versions do not say it, and keep saying nothing."""
    record = make_record(**fields)
    await store.put([record])
    found = await store.get(record.document["_id"])
    assert found is not None
    assert {name: value for name, value in found.items() if name == "upstream"} == fields
    (item,) = await store.list(Filter(), limit=1)
    assert item.get("upstream") == fields.get("upstream")
