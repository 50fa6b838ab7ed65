"""How a body's value is kept beside its exact bytes: mostly not at all, for parsing those gives it back.

What no parse gives is kept: the accumulated answer of a stream, a value that was left out, a value put otherwise.
"""

from __future__ import annotations

import json
import marshal
from enum import StrEnum
from typing import NamedTuple

from gemtap.body import parse_body
from gemtap.interaction import Json


class Form(StrEnum):
    """How to get at the value of a body."""

    PARSED = "parsed"
    """Parse the exact bytes."""
    JSON = "json"
    """Kept as JSON."""
    BINARY = "binary"
    """Kept as bytes."""


class KeptValue(NamedTuple):
    """A body's value as it is kept; `kept` is None where parsing the exact bytes gives the value."""

    form: Form
    kept: bytes | None


def encode_body(value: Json | str | bytes, raw: bytes, *, is_parsed: bool | None = None) -> KeptValue:
    """How to keep the value of a body that has these exact bytes. Raises ValueError or TypeError if it cannot be.

    `is_parsed`: whether parsing the bytes gives the value; None where that is not known, and is found out here.
    """
    if value is None and raw and raw[:16].strip() != b"null":
        # Bytes that were not read because that takes too much are not read here either.
        return KeptValue(Form.JSON, b"null")
    if _is_same(value, parse_body(raw).value) if is_parsed is None else is_parsed:
        return KeptValue(Form.PARSED, None)
    if isinstance(value, bytes):
        return KeptValue(Form.BINARY, value)
    # As clients write it when they send it again: a message of an answer is then a piece of the next request.
    return KeptValue(
        Form.JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    )


def decode_body(form: str, kept: bytes | None, raw: bytes) -> Json | str | bytes:
    """The value of a body, to the letter what `encode_body` was given."""
    if kept is None:
        return parse_body(raw).value
    return kept if form == Form.BINARY else json.loads(kept)


def _is_same(value: Json | str | bytes, parsed: Json | str | bytes) -> bool:
    if isinstance(value, bytes) or isinstance(parsed, bytes):
        return isinstance(value, bytes) and value == parsed
    if isinstance(value, str) and isinstance(parsed, str):
        return value == parsed  # without a copy of each: a text may have hundreds of megabytes
    # To Python 1, 1.0 and True are equal, and so are 0.0 and -0.0; their JSON differs. So do these bytes, which are
    # made several times as fast; later versions of marshal's format would also tell whether strings are interned.
    return marshal.dumps(value, 0) == marshal.dumps(parsed, 0)
