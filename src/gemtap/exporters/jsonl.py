"""JSON lines: each interaction as it is, with what its exact bytes need, so that importing gives back all of it.

A line is the document as the API shows it. Beside a body that does not give its exact bytes back stands `raw`: them as
text, or as `{"base64": ...}` where they are no UTF-8. A body that is bytes says so in `body_binary`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final, cast, get_args

from bson import ObjectId
from bson.errors import InvalidId

from gemtap.body import gives_back, parse_body, serialise
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.selecting import matching
from gemtap.interaction import SCHEMA_VERSION, Interaction, Outcome, Reserved, Side, ToolUse, to_json
from gemtap.json_access import as_text, fault_of
from gemtap.stores.base import Record, Store

_SIDES: Final[tuple[Side, ...]] = get_args(Side)


_NOT_IN_ALL: Final = frozenset({"context", "tool_use", "replay_of", "reserved", "upstream"})
"""Fields that are optional: documents of earlier versions lack some, and others do not apply to every document."""


class BadLine(ValueError):
    """The line is not part of a JSON lines export. The message says why."""


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One interaction per line."""
    async for document in matching(store, wanted, report):
        record = await record_of(store, document)
        if record is None:
            report.left_out["deleted meanwhile"] += 1
        else:
            report.written["train"] += 1
            yield Chunk(to_line(record))


async def record_of(store: Store, document: Interaction) -> Record | None:
    """The document with its exact bytes, or None if it was deleted meanwhile."""
    while True:
        raws = [await _raw(store, document, side) for side in _SIDES]
        if None in raws:
            return None
        if document["outcome"] != Outcome.INTERRUPTED:
            break
        # A complete interaction may have replaced the interrupted one meanwhile: the bytes are then the new one's.
        now = await store.get(document["_id"])
        if now is None:
            return None
        if now["outcome"] == Outcome.INTERRUPTED:
            break
        document = now
    request, response = (raw or b"" for raw in raws)
    return Record(document, request, response, accumulated=_accumulated(document, response))


async def _raw(store: Store, document: Interaction, side: Side) -> bytes | None:
    part = document[side]
    if part is None or (part["body"] is None and not part["body_bytes"]):
        return b""
    return await store.raw(document["_id"], side)


def _accumulated(document: Interaction, raw: bytes) -> bool:
    response = document["response"]
    return response is not None and not gives_back(response["body"], raw) and response["body"] != parse_body(raw).value


def to_line(record: Record) -> bytes:
    """The line of a record."""
    plain = to_json(record.document)
    for side, raw in zip(_SIDES, (record.request_raw, record.response_raw), strict=True):
        part = record.document[side]
        if part is None:
            continue
        if isinstance(part["body"], bytes):
            plain[side]["body_binary"] = True
        if not gives_back(part["body"], raw):
            plain[side]["raw"] = _as_text(raw)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8") + b"\n"


def from_line(line: bytes) -> Record:
    """The record of a line. Raises BadLine."""
    try:
        document = json.loads(line)
        if document["schema_version"] > SCHEMA_VERSION:
            raise BadLine(
                f"it was written by a newer Gemtap (schema version {document['schema_version']}, this one knows "
                f"{SCHEMA_VERSION}). Update Gemtap"
            )
        return _record(document)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, InvalidId) as exc:
        if isinstance(exc, BadLine):
            raise
        raise BadLine(f"it is not an interaction exported by Gemtap ({fault_of(exc)})") from exc


def _record(document: dict[str, Any]) -> Record:
    id_ = ObjectId(document.pop("id"))
    raws: dict[Side, bytes] = {}
    for side in _SIDES:
        part = document[side]
        if part is None and side == "response":
            raws[side] = b""
            continue
        if part.pop("body_binary", False):
            part["body"] = _as_bytes(part["body"])
        raws[side] = _as_bytes(part.pop("raw")) if "raw" in part else serialise(part["body"])
    document["timestamp"] = datetime.fromisoformat(document["timestamp"])
    document["recorded_at"] = datetime.fromisoformat(document["recorded_at"])
    if "replay_of" in document:
        document["replay_of"] = ObjectId(document["replay_of"])
    thread = document["thread"]
    if thread is not None:
        thread["id"] = ObjectId(thread["id"])
        thread["parent"] = None if thread["parent"] is None else ObjectId(thread["parent"])
    if "tool_use" in document:
        document["tool_use"] = _tool_use(document["tool_use"])
    if "reserved" in document:
        document["reserved"] = [_reserved(each) for each in document["reserved"]]
    missing = Interaction.__required_keys__ - document.keys() - {"_id", *_NOT_IN_ALL}
    if missing:
        raise BadLine(f"it has no {', '.join(sorted(missing))}")
    interaction = cast(Interaction, {"_id": id_, **document})
    accumulated = _accumulated(interaction, raws["response"])
    return Record(interaction, raws["request"], raws["response"], accumulated=accumulated)


def _tool_use(value: Any) -> ToolUse:
    """The field in the form that statistics rely on. Raises KeyError, TypeError or ValueError for any other."""
    return {
        "calls": [{"name": as_text(each["name"]), "times": int(each["times"])} for each in value["calls"]],
        "results": [
            {
                "name": as_text(each["name"]),
                "times": int(each["times"]),
                "failed": None if each["failed"] is None else int(each["failed"]),
            }
            for each in value["results"]
            if int(each["times"]) > 0
        ],
    }


def _reserved(value: Any) -> Reserved:
    return {
        "ledger": str(value["ledger"]),
        "limit": int(value["limit"]),
        "measure": str(value["measure"]),
        "start": datetime.fromisoformat(value["start"]),
        "ends": datetime.fromisoformat(value["ends"]),
        "amount": int(value["amount"]),
    }


def _as_text(raw: bytes) -> str | dict[str, str]:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    try:
        return base64.b64decode(value["base64"], validate=True)
    except binascii.Error as exc:
        raise BadLine("bytes in it are not in base64") from exc


FORMAT: Final = Format("jsonl", "every interaction completely, to import again", ".jsonl", "application/jsonl", write)
