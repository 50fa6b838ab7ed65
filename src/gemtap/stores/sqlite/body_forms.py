"""How the value of a body is stored beside its exact bytes: mostly not at all, since parsing these reproduces it.

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
    """The stored form of a body's value; `kept` is None if parsing the exact bytes reproduces it."""

    form: Form
    kept: bytes | None


def encode_body(value: Json | str | bytes, raw: bytes, *, is_parsed: bool | None = None) -> KeptValue:
    """Encode the value of a body with these exact bytes. Raises ValueError or TypeError if that is impossible.

    `is_parsed`: whether parsing the bytes reproduces the value; None if unknown.
    """
    if value is None and raw and raw[:16].strip() != b"null":
        # Bodies that were too large to parse are not parsed here either.
        return KeptValue(Form.JSON, b"null")
    if _is_same(value, parse_body(raw).value) if is_parsed is None else is_parsed:
        return KeptValue(Form.PARSED, None)
    if isinstance(value, bytes):
        return KeptValue(Form.BINARY, value)
    # In the format in which clients resend it, so that a message of a response is also a piece of the next request.
    return KeptValue(
        Form.JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    )


def decode_body(form: str, kept: bytes | None, raw: bytes) -> Json | str | bytes:
    """The value of a body, exactly as it was passed to `encode_body`."""
    if kept is None:
        return parse_body(raw).value
    return kept if form == Form.BINARY else json.loads(kept)


def _is_same(value: Json | str | bytes, parsed: Json | str | bytes) -> bool:
    if isinstance(value, bytes) or isinstance(parsed, bytes):
        return isinstance(value, bytes) and value == parsed
    if isinstance(value, str) and isinstance(parsed, str):
        return value == parsed  # without a copy of each: a text may have hundreds of megabytes
    # In Python 1, 1.0 and True are equal, and so are 0.0 and -0.0; their JSON differs. The bytes of marshal differ too,
    # and are several times as fast. Later versions of its format depend on whether strings are interned.
    return marshal.dumps(value, 0) == marshal.dumps(parsed, 0)
