"""Compact traces of claude-tap."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gemtap.stores.base import Store
from tests.unit.importers.imported import documents, imported

pytestmark = pytest.mark.anyio

QUESTION = {"role": "user", "content": "Why is the sky blue? " * 40 + "☃"}
TOOLS = [{"name": "read_file", "description": "x" * 700}]


def compact(*records: dict[str, Any], says_where: bool = True) -> dict[str, Any]:
    """A trace as `claude-tap export` writes it: what is large stands beside the records, once."""
    blobs: dict[str, Any] = {}
    return {
        "__claude_tap_compact_trace__": {"version": 1, "encoding": "json-blob-ref", "record_count": len(records)},
        "records": [_compacted(record, blobs, says_where) for record in records],
        "blobs": blobs,
    }


def _compacted(record: dict[str, Any], blobs: dict[str, Any], says_where: bool) -> dict[str, Any]:
    copy = json.loads(json.dumps(record))
    body = copy["request"]["body"]
    refs = []
    for holder, key, path in [
        (body, "tools", "/request/body/tools"),
        *((body["messages"], n, f"/request/body/messages/{n}") for n in range(len(body["messages"]))),
    ]:
        text = json.dumps(holder[key], ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) >= 512:
            hash_ = "sha256:" + hashlib.sha256(text).hexdigest()
            blobs[hash_] = {"kind": "json", "bytes": len(text), "payload": holder[key]}
            reference = {"version": 1, "kind": "json", "hash": hash_, "bytes": len(text)}
            holder[key] = {"__claude_tap_blob_ref__": reference}
            refs.append({"path": path, "hash": hash_, "bytes": len(text)})
    marker = {"version": 1, "encoding": "json-blob-ref", "refs": refs if says_where else []}
    return {"__claude_tap_compact_record__": marker, "record": copy}


def record(turn: int) -> dict[str, Any]:
    """A turn of a conversation with one long message."""
    messages = [QUESTION, {"role": "assistant", "content": "Because."}, {"role": "user", "content": "Really?"}]
    return {
        "timestamp": f"2026-02-17T05:35:{turn:02}.000000+00:00",
        "request_id": "req_0123456789ab",
        "turn": turn,
        "duration_ms": 6000,
        "request": {
            "method": "POST",
            "path": "/v1/messages?beta=true",
            "headers": {"x-api-key": "sk-ant-api03..."},
            "body": {"model": "claude-opus-4", "tools": TOOLS, "messages": messages[: 2 * turn - 1]},
        },
        "response": {"status": 200, "headers": {"content-type": "application/json"}, "body": {"type": "message"}},
        "upstream_base_url": "https://api.anthropic.com",
    }


def written(trace: dict[str, Any]) -> bytes:
    return json.dumps(trace, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize("says_where", [True, False])
async def test_a_compact_trace_has_whole_records(store: Store, tmp_path: Path, says_where: bool) -> None:
    """Every reference is replaced, whether the record says where they are or not."""
    done = await imported(store, tmp_path / "trace.json", written(compact(record(1), record(2), says_where=says_where)))
    assert (done.read, done.stored, done.faulty) == (2, 2, 0)
    for turn, document in enumerate(await documents(store), 1):
        assert document["provider"] == "anthropic"
        assert document["request"]["body"] == record(turn)["request"]["body"]


async def test_one_bad_record_does_not_end_the_rest(store: Store, tmp_path: Path) -> None:
    """A reference leads nowhere, a record is of a newer version, another is no record at all."""
    trace = compact(record(1), record(2))
    lost, newer = (json.loads(json.dumps(trace["records"][0])) for _ in range(2))
    lost["__claude_tap_compact_record__"]["refs"] = [{"path": "/request/body/tools"}]
    lost["record"]["request"]["body"]["tools"]["__claude_tap_blob_ref__"]["hash"] = "sha256:none"
    newer["__claude_tap_compact_record__"]["version"] = 2
    # One that is small stands there as it is.
    trace["records"] = [lost, record(3), newer, 7, {"a": 1}, *trace["records"]]
    done = await imported(store, tmp_path / "trace.json", written(trace))
    assert [place for place, _ in done.faults] == ["record 1", "record 3", "record 4", "record 5"]
    assert "a value that is not in the file" in done.faults[0][1]
    assert "version 1" in done.faults[1][1]
    assert (done.read, done.stored) == (7, 3)


async def test_a_trace_of_a_newer_version_is_named(store: Store, tmp_path: Path) -> None:
    """Nothing of it is guessed."""
    trace = compact(record(1))
    trace["__claude_tap_compact_trace__"]["version"] = 2
    done = await imported(store, tmp_path / "trace.json", written(trace))
    ((place, why),) = done.faults
    assert place == "the file"
    assert "version" in why
    assert done.stored == 0


async def test_line_separators_in_events_stay(store: Store, tmp_path: Path) -> None:
    """Event streams know CR and LF as ends of lines, and no others."""
    line = record(1)
    line["response"]["sse_events"] = [{"event": "odd", "data": "one\u2028two\x85three\nfour"}]
    await imported(store, tmp_path / "trace.jsonl", json.dumps(line).encode() + b"\n")
    (document,) = await documents(store)
    raw = await store.raw(document["_id"], "response")
    assert raw == "event: odd\ndata: one\u2028two\x85three\ndata: four\n\n".encode()


async def test_a_body_that_was_not_kept_is_named(store: Store, tmp_path: Path) -> None:
    """claude-tap keeps only the size of protobuf."""
    line = record(1)
    line["request"]["body"] = {"_encoding": "protobuf", "byte_length": 99}
    done = await imported(store, tmp_path / "trace.jsonl", json.dumps(line).encode() + b"\n")
    assert [place for place, _ in done.doubts] == ["line 1"]
    (document,) = await documents(store)
    assert await store.raw(document["_id"], "request") == b""
