"""From a record to the document that MongoDB holds, and back.

It is the interaction as it is, and beside a body, where the body does not give back the exact bytes, either
`raw` (zstd) or `raw_file` (the `_id` of a file in the GridFS bucket, which holds the same). `raw_hash` is the BLAKE2b
of the exact bytes, 16 bytes of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, get_args

import bson
import zstandard
from bson import ObjectId
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.errors import BSONError
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from gemtap.body import gives_back, serialise
from gemtap.interaction import Json, Side
from gemtap.stores.base import Record, RecordRejected
from gemtap.stores.mongo.searching import FIELD, searched

MAX_DOCUMENT: Final = 16 * 1024 * 1024
"""MongoDB's limit on a document, in bytes of BSON: https://www.mongodb.com/docs/manual/reference/limits/"""

MAX_RAW_INSIDE: Final = 1024 * 1024
"""Compressed exact bytes above this size go to GridFS, for every read of a document reads them too."""

TOO_LARGE: Final = "document over 16 MB"

_LONG_TEXT: Final = 65_536

CUT: Final = f"{TOO_LARGE}: texts over {_LONG_TEXT:,} characters are cut"

WITHOUT_RAW: Final = {
    "links": 0,
    FIELD: 0,
    **{f"{side}.{field}": 0 for side in ("request", "response") for field in ("raw", "raw_file", "raw_hash")},
}
"""The projection for the document as it was put: without what only the store knows."""

WITHOUT_BODIES: Final = {**WITHOUT_RAW, "request.body": 0, "response.body": 0, "response.chunks": 0}
"""The projection for lists."""

FileId = dict[str, Any]
"""`{"interaction": ObjectId, "side": str, "sha256": str}`: the same bytes of the same body have the same file."""


Row = dict[str, Any]
"""A document without bodies and chunk times, as `interaction.summary` has it, and as if nobody had annotated it."""

_NOT_ANNOTATED: Final[Mapping[str, Any]] = {"tags": [], "rating": None, "note": None}


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What goes into the database for one record."""

    id: ObjectId
    outcome: str
    document: RawBSONDocument
    files: dict[Side, tuple[FileId, bytes]]
    """The files that the document refers to."""
    row: dict[str, Any]
    """What lists show of it, see `gemtap.stores.mongo.rows`."""


def to_stored(record: Record) -> StoredRecord:
    """The record as MongoDB is to hold it. Raises RecordRejected where BSON cannot."""
    document: dict[str, Any] = {**record.document}
    if record.links:
        document["links"] = list(record.links)
    if record.text is not None:
        document[FIELD] = searched(record.text)
    raws: dict[Side, bytes] = {"request": record.request_raw, "response": record.response_raw}
    files: dict[Side, tuple[FileId, bytes]] = {}
    for side, raw in raws.items():
        if document[side] is None:
            continue
        document[side] = {**document[side], "raw_hash": hash_of(raw)}
        body = document[side]["body"]
        if not gives_back(body, raw) or (body is None and raw):
            _keep_raw(document, side, zstandard.compress(raw), files)
    encoded = _encode(document)

    if len(encoded) > MAX_DOCUMENT:
        encoded = _fitted(document, raws, files)
    return StoredRecord(document["_id"], document["outcome"], RawBSONDocument(encoded), files, row_of(document))


def row_of(document: Mapping[str, Any]) -> Row:
    """The row of a document, be it whole or without its bodies, with or without what only the store knows."""
    row = {name: value for name, value in document.items() if name not in WITHOUT_BODIES}
    for side in get_args(Side):
        if isinstance(part := row.get(side), Mapping):
            row[side] = {name: value for name, value in part.items() if f"{side}.{name}" not in WITHOUT_BODIES}
    return {**row, **_NOT_ANNOTATED}


def hash_of(raw: bytes) -> bytes:
    """What a check tells by that the exact bytes are still what they were."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def _fitted(document: dict[str, Any], raws: Mapping[Side, bytes], files: dict[Side, tuple[FileId, bytes]]) -> bytes:
    """The document encoded, with the largest body left out as far as need be, then the other. RecordRejected."""
    largest_first = sorted(_bodies(document), key=lambda side: _size(document[side]["body"]), reverse=True)
    for side in largest_first:
        whole = document[side]["body"]
        # Most often it is a file inline that is too large: what was said about it is still to be found.
        for body, reason in ((_cut(whole), CUT), (None, TOO_LARGE)):
            _replace_body(document, side, body, reason, zstandard.compress(raws[side]), files)
            encoded = _encode(document)
            if len(encoded) <= MAX_DOCUMENT:
                return encoded
    raise RecordRejected(f"Interaction {document['_id']} is over MongoDB's 16 MB even without its bodies.")


def _cut(value: Any) -> Any:
    """The value, its long texts cut."""
    match value:
        case str() | bytes() if len(value) > _LONG_TEXT:
            return value[:_LONG_TEXT]
        case dict():
            return {key: _cut(item) for key, item in value.items()}
        case list():
            return [_cut(item) for item in value]
        case _:
            return value


def _keep_raw(document: dict[str, Any], side: Side, compressed: bytes, files: dict[Side, tuple[FileId, bytes]]) -> None:
    if len(compressed) <= MAX_RAW_INSIDE:
        document[side]["raw"] = compressed
    else:
        _keep_in_file(document, side, compressed, files)


def _replace_body(
    document: dict[str, Any],
    side: Side,
    body: Any,
    reason: str,
    compressed: bytes,
    files: dict[Side, tuple[FileId, bytes]],
) -> None:
    part = document[side]
    part.pop("raw", None)
    said = [each for each in str(part.get("body_incomplete") or "").split("; ") if each not in ("", CUT)]
    part["body"], part["body_incomplete"] = body, "; ".join([*said, reason])
    _keep_in_file(document, side, compressed, files)


def _keep_in_file(
    document: dict[str, Any], side: Side, compressed: bytes, files: dict[Side, tuple[FileId, bytes]]
) -> None:
    file_id = {"interaction": document["_id"], "side": side, "sha256": hashlib.sha256(compressed).hexdigest()}
    document[side]["raw_file"] = file_id
    files[side] = file_id, compressed


def _bodies(document: Mapping[str, Any]) -> list[Side]:
    return [side for side in get_args(Side) if document[side] is not None]


def _size(body: Json | str | bytes) -> int:
    return len(bson.encode({"body": body}))


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return bson.encode(document)
    except (BSONError, OverflowError, RecursionError, TypeError, ValueError) as exc:
        raise RecordRejected(f"Interaction {document['_id']} cannot be stored in MongoDB: {exc}") from exc


class _PlainInteger(TypeDecoder):
    """Integers over 32 bits as the `int` they were."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


_TYPES: Final[dict[str, Any]] = {
    "tz_aware": True,
    "tzinfo": UTC,
    "type_registry": TypeRegistry([_PlainInteger()]),
}
_OPTIONS: Final = CodecOptions(document_class=dict, **_TYPES)

RAW_OPTIONS: Final = CodecOptions(document_class=RawBSONDocument, **_TYPES)
"""For collections: documents come undecoded, for `from_stored`."""


def from_stored(document: RawBSONDocument) -> dict[str, Any]:
    """The document decoded, its values exactly those that were stored."""
    encoded = bytes(document.raw)
    if b"$ref\0" in encoded and b"$id\0" in encoded:
        # As it may well be in a JSON Schema. PyMongo would make DBRefs of such objects and lose the order of
        # their members; what it leaves undecoded it leaves alone.
        return {key: _inflated(value) for key, value in RawBSONDocument(encoded, RAW_OPTIONS).items()}
    return bson.decode(encoded, _OPTIONS)


def _inflated(value: Any) -> Any:
    match value:
        case RawBSONDocument():
            return {key: _inflated(item) for key, item in value.items()}
        case list():
            return [_inflated(item) for item in value]
        case _:
            return value


def exact_bytes(part: Mapping[str, Any]) -> bytes:
    """The exact bytes of a stored request or response that has no `raw_file`."""
    if "raw" in part:
        return zstandard.decompress(part["raw"])
    return b"" if part["body"] is None else serialise(part["body"])
