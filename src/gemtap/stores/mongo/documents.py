"""Converts records to documents of MongoDB, and back.

A document is the interaction itself. If serialising a body does not reproduce its exact bytes, they stand beside it:
in `raw` (zstd) or in a file of the GridFS bucket, whose `_id` is `raw_file`. `raw_hash` is the BLAKE2b hash of the
exact bytes, in 16 bytes.
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
"""Compressed exact bytes above this size go to GridFS, since MongoDB always reads a document whole."""

TOO_LARGE: Final = "document over 16 MB"

_LONG_TEXT: Final = 65_536

CUT: Final = f"{TOO_LARGE}: texts over {_LONG_TEXT:,} characters are cut"

WITHOUT_RAW: Final = {
    "links": 0,
    FIELD: 0,
    **{f"{side}.{field}": 0 for side in ("request", "response") for field in ("raw", "raw_file", "raw_hash")},
}
"""The projection for the document as it was put, without the fields of the store."""

WITHOUT_BODIES: Final = {**WITHOUT_RAW, "request.body": 0, "response.body": 0, "response.chunks": 0}
"""The projection for lists."""

FileId = dict[str, Any]
"""`{"interaction": ObjectId, "side": str, "sha256": str}`: the same bytes of the same body have the same file."""


Row = dict[str, Any]
"""A document without bodies, chunk times (see `interaction.summary`) and annotations."""

_NOT_ANNOTATED: Final[Mapping[str, Any]] = {"tags": [], "rating": None, "note": None}


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it is written to the database."""

    id: ObjectId
    outcome: str
    document: RawBSONDocument
    files: dict[Side, tuple[FileId, bytes]]
    """The files that the document refers to."""
    row: dict[str, Any]
    """Its row, see `gemtap.stores.mongo.rows`."""


def to_stored(record: Record) -> StoredRecord:
    """Convert a record. Raises RecordRejected if BSON cannot hold it."""
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
        reproduced = record.request_gives_back if side == "request" else None
        if reproduced is None:
            reproduced = gives_back(body, raw)
        if not reproduced or (body is None and raw):
            _keep_raw(document, side, zstandard.compress(raw), files)
    encoded = _encode(document)

    if len(encoded) > MAX_DOCUMENT:
        encoded = _fitted(document, raws, files)
    return StoredRecord(document["_id"], document["outcome"], RawBSONDocument(encoded), files, row_of(document))


def row_of(document: Mapping[str, Any]) -> Row:
    """The row of a document. The document may lack its bodies, and may have the fields of the store."""
    row = {name: value for name, value in document.items() if name not in WITHOUT_BODIES}
    for side in get_args(Side):
        if isinstance(part := row.get(side), Mapping):
            row[side] = {name: value for name, value in part.items() if f"{side}.{name}" not in WITHOUT_BODIES}
    return {**row, **_NOT_ANNOTATED}


def hash_of(raw: bytes) -> bytes:
    """Hash of exact bytes, by which `gemtap check` finds damage."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def _fitted(document: dict[str, Any], raws: Mapping[Side, bytes], files: dict[Side, tuple[FileId, bytes]]) -> bytes:
    """Encode the document. If it is too large, leave out the largest body, then the other. Raises RecordRejected."""
    largest_first = sorted(_bodies(document), key=lambda side: _size(document[side]["body"]), reverse=True)
    for side in largest_first:
        whole = document[side]["body"]
        # Mostly an inline file is too large. The texts beside it stay searchable.
        for body, reason in ((_cut(whole), CUT), (None, TOO_LARGE)):
            _replace_body(document, side, body, reason, zstandard.compress(raws[side]), files)
            encoded = _encode(document)
            if len(encoded) <= MAX_DOCUMENT:
                return encoded
    raise RecordRejected(f"Interaction {document['_id']} is over MongoDB's 16 MB even without its bodies.")


def _cut(value: Any) -> Any:
    """The value with its long texts truncated."""
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
    """Decodes integers over 32 bits as `int`."""

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
"""Options of collections whose documents `from_stored` decodes."""


def from_stored(document: RawBSONDocument) -> dict[str, Any]:
    """Decode a document to exactly the values that were stored."""
    encoded = bytes(document.raw)
    if b"$ref\0" in encoded and b"$id\0" in encoded:
        # A JSON Schema may have `$ref`. PyMongo would decode such objects as DBRefs and lose the order of their
        # members; it leaves undecoded ones alone.
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
