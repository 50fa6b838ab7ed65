"""Bodies: from exact bytes to the value that can be queried, and back.

The exact bytes are kept whatever happens; the value goes as far as BSON can hold it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from gemtap.interaction import Json

MAX_NESTING: Final = 100
"""BSON's own limit is 100 levels for a document; deeper values are left out."""

_MAX_READ_NESTING: Final = 500
"""Deeper JSON stays text. How deep Python itself can read depends on its version and on who calls."""

MAX_CONTAINERS: Final = 2**19
MAX_VALUES: Final = 2**23
"""Objects and arrays, and values, of JSON that is read. 10 MB of tiny arrays take 250 MB, and the time of whoever
waits; a request of a million tokens has some ten thousand, and an answer with 2,048 embeddings six million numbers."""

_CONTAINER: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[{\[]")
_NEXT_LINE: Final = re.compile(rb"[}\]][ \t\r]*+\n[ \t\r\n]*+[{\[]")

_BSON_INTEGERS: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """The value of a body for queries, and why it lacks something, if it does."""

    value: Json | str | bytes
    is_json: bool = False
    incomplete: str | None = None
    cuts: tuple[int, ...] | None = None
    """Where the body is to be cut, see `gemtap.dialects.cut_points`; None if that was not looked for."""
    gives_back: bool | None = None
    """What `gives_back` says of the value and the bytes; None if that was not looked for."""


class _NotStandard(ValueError):
    """NaN or Infinity: Python would read them, JSON has no such thing."""


def parse_body(raw: bytes) -> ParsedBody:
    """JSON where the bytes are JSON, else text where they are UTF-8, else the bytes; None where there are none.

    Deterministic: the same bytes always give the same value.
    """
    if not raw:
        return ParsedBody(None)
    if (too_many := _too_many(raw)) is not None:
        try:
            return ParsedBody(raw.decode("utf-8"), incomplete=too_many)
        except UnicodeDecodeError:
            return ParsedBody(raw)
    return _parsed(raw, _refuse_constant)


def _parsed(raw: bytes, constant: Callable[[str], object]) -> ParsedBody:
    """What `parse_body` returns for bytes that are not too many. `constant` gives the value of what is no JSON."""
    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(items)
        if len(value) != len(items):
            duplicates.append("duplicate keys (the last one is kept)")
        return value

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ParsedBody(raw)
    try:
        # A byte order mark is no part of JSON, and yet some clients send one.
        value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        return ParsedBody(text, incomplete=_TOO_DEEP)
    except ValueError as exc:
        # Python refuses to read integers of more than 4,300 digits.
        too_long = "integer string conversion" in str(exc)
        return ParsedBody(text, incomplete=_TOO_LARGE if too_long else None)
    kept, reasons = storable(value)
    if _TOO_DEEP in reasons and is_deeper_than(_MAX_READ_NESTING, value):
        return ParsedBody(text, incomplete=_TOO_DEEP)
    reasons += duplicates[:1]
    return ParsedBody(kept, is_json=True, incomplete="; ".join(reasons) or None)


class Inserted:
    """A value that stands for a part of a body, see `parse_body_with`."""

    __slots__ = ("value",)

    def __init__(self, value: Json) -> None:
        self.value = value


MAX_INSERTED_NESTING: Final = MAX_NESTING - 20
"""Levels that a value may have that is inserted at most 20 levels deep."""

_INSERTED: Final = "NaN"
"""Stands in the text for an inserted value. It is no JSON, but Python tells where it comes upon one, in their order."""


def parse_body_with(raw: bytes, parts: Sequence[tuple[int, int, Json]]) -> ParsedBody | None:
    """What `parse_body` returns, with known values for some parts, which are not parsed again. None if it is unknown.

    `parts` are offsets of values of JSON in the body, ascending, each with its end and `parse_body` of it, which was
    complete. They begin and end with a bracket, and have no more than `MAX_INSERTED_NESTING` levels.

    The rest is parsed with a placeholder for each part. Where JSON has a placeholder for a value, it may have any other
    value. Where a placeholder is no value, within a text for example, this returns None.
    """
    rest = None if _too_many(raw) is not None else _with_placeholders(raw, [part[:2] for part in parts])
    if rest is None:
        return None
    values = iter(parts)

    def insert(name: str) -> Inserted:
        part = next(values, None)
        if name != _INSERTED or part is None:
            raise _NotStandard(name)
        return Inserted(part[2])

    parsed = _parsed(rest, insert)
    return parsed if parsed.is_json and next(values, None) is None else None


def gives_back_around(raw: bytes, parts: Sequence[tuple[int, int]]) -> bool:
    """What `gives_back` says of a body and its value, if serialising gives back these parts of it.

    `parts` are those for which `parse_body_with` has given the value.
    """
    rest = _with_placeholders(raw, parts)
    try:
        # Python writes a NaN as it reads one.
        return rest is not None and serialise(json.loads(rest)) == rest
    except (ValueError, RecursionError):
        return False


def _with_placeholders(raw: bytes, parts: Sequence[tuple[int, int]]) -> bytes | None:
    """The body with a placeholder for each part. None if there is another one in it."""
    rest, position = [], 0
    for start, end in parts:
        rest.append(raw[position:start])
        position = end
    rest.append(raw[position:])
    placeholder = _INSERTED.encode()
    return None if any(placeholder in each for each in rest) else placeholder.join(rest)


def _too_many(raw: bytes) -> str | None:
    """Why the bytes are not read as JSON: they have too many of the signs between which its values stand.

    Those within strings count too: finding out which are would take as long as reading.
    """
    if len(raw) <= MAX_CONTAINERS or _CONTAINER.match(raw) is None:
        return None
    if raw.count(b"[") + raw.count(b"{") > MAX_CONTAINERS:
        return None if _is_lines(raw) else f"more than {MAX_CONTAINERS:,} objects and arrays"
    if raw.count(b",") > MAX_VALUES:
        return None if _is_lines(raw) else f"more than {MAX_VALUES:,} values"
    return None


def _is_lines(raw: bytes) -> bool:
    """Whether it is one JSON value a line: reading it as one value fails at the second, after no time."""
    end = raw.find(b"\n")
    return _NEXT_LINE.search(raw, max(0, end - 100), end + 100) is not None


def is_deeper_than(levels: int, value: Json) -> bool:
    """Whether objects and arrays are nested in more levels than this."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            child
            for item in layer
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not layer:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise _NotStandard(name)


def storable(value: Json) -> tuple[Json, list[str]]:
    """The value without what BSON cannot hold, and the reasons why something was left out.

    Members are left out of objects; in arrays None takes their place, so that positions stay.
    The value given back is equal to the one given where nothing had to go.
    """
    reasons: dict[str, None] = {}
    return _storable(value, 1, reasons), list(reasons)


_LEFT_OUT: Final = object()

_TOO_DEEP: Final = f"nested deeper than {MAX_NESTING} levels"
_TOO_LARGE: Final = "integers over 64 bits"


def _storable(value: Any, depth: int, reasons: dict[str, None]) -> Any:
    # Each value of each body comes through here. Exact types are told apart in a third of the time of a match.
    kind = type(value)
    if kind is str:
        reason = None if value.isascii() or _is_encodable(value) else "lone surrogates"
    elif kind is dict or kind is list:
        if depth > MAX_NESTING:
            reasons[_TOO_DEEP] = None
            return _LEFT_OUT
        return _storable_object(value, depth, reasons) if kind is dict else _storable_array(value, depth, reasons)
    elif kind is bool or value is None:
        reason = None
    elif kind is int:
        reason = None if value in _BSON_INTEGERS else _TOO_LARGE
    elif kind is Inserted:
        return value.value
    elif kind is float:
        # 1e999 is JSON, and Python reads it as infinity, which no JSON that we show could say.
        reason = None if math.isfinite(value) else "numbers beyond a double"
    else:
        plain = next((each for each in (str, dict, list, int, float) if isinstance(value, each)), None)
        if plain is None:
            raise TypeError(f"not a JSON value: {kind.__name__}")
        return _storable(plain(value), depth, reasons)
    if reason is None:
        return value
    reasons[reason] = None
    return None if depth == 1 else _LEFT_OUT


def _is_encodable(text: str) -> bool:
    """Whether it has no lone surrogates, which only `\\ud800` escapes can bring."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _storable_array(value: list[Any], depth: int, reasons: dict[str, None]) -> list[Any]:
    items = [_storable(item, depth + 1, reasons) for item in value]
    return [None if item is _LEFT_OUT else item for item in items]


def _storable_object(value: dict[str, Any], depth: int, reasons: dict[str, None]) -> dict[str, Any]:
    kept = {}
    for key, item in value.items():
        if "\0" in key:
            reasons["NUL in a key"] = None
            continue
        if not key.isascii() and _storable(key, depth + 1, reasons) is _LEFT_OUT:
            continue
        item = _storable(item, depth + 1, reasons)
        if item is not _LEFT_OUT:
            kept[key] = item
    return kept


def serialise(value: Json | str | bytes) -> bytes:
    """The bytes of a body's value: text and bytes as they are, JSON as compact as JSON.stringify writes it.

    None is no body at all, and so no bytes.
    """
    match value:
        case None:
            return b""
        case bytes():
            return value
        case str():
            return value.encode("utf-8")
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def gives_back(value: Json | str | bytes, raw: bytes) -> bool:
    """Whether serialising the value gives the exact bytes, to the letter, so that they need no second copy."""
    try:
        return serialise(value) == raw
    except (RecursionError, UnicodeEncodeError):
        return False
