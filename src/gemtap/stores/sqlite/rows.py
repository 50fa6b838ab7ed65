"""Converts documents to the columns of a row, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import zstandard
from bson import ObjectId

from gemtap.interaction import ChunkTimes, Interaction, plain_scalar, to_json
from gemtap.interaction import summary as summary_of
from gemtap.stores.paging import milliseconds
from gemtap.stores.sqlite.packs import compress
from gemtap.stores.statistics import CONTEXT

SqlValue = str | bytes | int | float | None


def columns(document: Interaction) -> dict[str, SqlValue]:
    """Every column of the document's row except those of the bodies."""
    response, thread, cost, tokens = document["response"], document["thread"], document["cost"], document["tokens"]
    chunks = response.get("chunks") if response else None
    context: Mapping[str, Any] = document.get("context") or {}
    return {
        "id": document["_id"].binary,
        "timestamp": milliseconds(document["timestamp"]),
        "recorded_at": milliseconds(document["recorded_at"]),
        "provider": document["provider"],
        "operation": document["operation"],
        "model": document["model"],
        "outcome": document["outcome"],
        "status": response["status"] if response else None,
        "failed": document["error"] is not None,
        "model_version": document["model_version"],
        "finish_reason": document["finish_reason"],
        "streaming": document["streaming"],
        "client": document["client"]["name"],
        "client_key": document["client"]["key"],
        "client_user": document["client"]["user"],
        "thread": thread["id"].binary if thread else None,
        "parent": thread["parent"].binary if thread and thread["parent"] is not None else None,
        "request_duration_ms": document["request_duration_ms"],
        "first_byte_ms": document["timing"]["first_byte_ms"],
        "input_tokens": tokens["input"],
        "cached_tokens": tokens["cached"],
        "cache_write_tokens": tokens.get("cache_write"),
        "output_tokens": tokens["output"],
        "reasoning_tokens": tokens["reasoning"],
        "tool_use_tokens": tokens["tool_use"],
        "total_tokens": tokens["total"],
        "cost_usd": cost["usd"] if cost else None,
        "cache_saved_usd": cost.get("cache_saved") if cost else None,
        "rating": document["rating"],
        "replay_of": document["replay_of"].binary if "replay_of" in document else None,
        **{f"context_{name}": context.get(name) for name in CONTEXT},
        "tool_use": _compact(document["tool_use"]) if "tool_use" in document else None,
        "document": _pack_document(summary_of(document)),
        "chunks": None if chunks is None else _pack(chunks),
    }


def summary(packed: bytes) -> dict[str, Any]:
    """The document without bodies and chunk times, of the column `document`."""
    plain: dict[str, Any] = _unpack(packed)
    document = {("_id" if key == "id" else key): value for key, value in plain.items()}
    document["_id"] = ObjectId(document["_id"])
    document["timestamp"] = datetime.fromisoformat(document["timestamp"])
    document["recorded_at"] = datetime.fromisoformat(document["recorded_at"])
    for each in document.get("reserved", ()):
        each["start"], each["ends"] = datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["ends"])
    if "replay_of" in document:
        document["replay_of"] = ObjectId(document["replay_of"])
    thread = document["thread"]
    if thread is not None:
        thread["id"] = ObjectId(thread["id"])
        thread["parent"] = None if thread["parent"] is None else ObjectId(thread["parent"])
    return document


def changed(packed: bytes, fields: Mapping[str, Any]) -> bytes:
    """The column `document` with these fields set."""
    return _pack(_unpack(packed) | to_json(fields))


def without_body(packed: bytes, part: str, why: str) -> bytes:
    """The column `document`, with a note that a body was lost; `part` is the column of the body."""
    document = _unpack(packed)
    side = document[part.partition("_")[0]]
    notes = [note for note in (side.get("body_incomplete"), f"lost to damage: {why}") if note]
    side["body_incomplete"] = "; ".join(notes)
    return _pack(document)


def chunk_times(packed: bytes) -> ChunkTimes:
    """The times of the column `chunks`."""
    times: ChunkTimes = _unpack(packed)
    return times


def _pack_document(document: Mapping[str, Any]) -> bytes:
    # The encoder converts what is no JSON: going through the document to do that first takes longer than encoding it.
    return _pack({("id" if key == "_id" else key): value for key, value in document.items()})


def _pack(value: object) -> bytes:
    return compress(_compact(value).encode("ascii"))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=plain_scalar)


def _unpack(packed: bytes) -> Any:
    return json.loads(zstandard.decompress(packed))
