"""Read JSON whose shape is not certain: a value of another shape than expected counts as empty."""

from __future__ import annotations

import json

from gemtap.interaction import Json


def read_json(raw: bytes) -> Json:
    """The value, or None where the bytes are no JSON that can be read."""
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def json_or_text(text: str) -> Json:
    """The value that a text is the JSON of. The text itself where it is no JSON that can be read, and for `null`."""
    value = read_json(text.encode("utf-8", "replace"))
    return text if value is None else value


def as_json_text(value: Json) -> str:
    """A string as it is, every other value as its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_dict(value: Json) -> dict[str, Json]:
    """The object itself, or an empty one where the value is no object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """The array itself, or an empty one where the value is no array."""
    return value if isinstance(value, list) else []


def one_or_many(value: Json) -> list[Json]:
    """The array itself. APIs take a single object in the place of an array of one; anything else is an empty array."""
    return [value] if isinstance(value, dict) else as_list(value)


def as_text(value: Json) -> str | None:
    """The string itself, or None where the value is no string or is empty."""
    return value if isinstance(value, str) and value else None


def count(value: Json) -> int | None:
    """The number itself, or None where it cannot be a count: a whole number from 0 to 2**63 - 1."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def overlay(target: dict[str, Json], fields: dict[str, Json]) -> None:
    """Set the fields in the target. The last value wins, but a null never replaces a value."""
    for name, value in fields.items():
        if value is not None or name not in target:
            target[name] = value


class BadValue(ValueError):
    """A value is not what it has to be. The message quotes nothing of it."""


def fault_of(exc: Exception) -> str:
    """What an exception says of the shape of a value that was read, and nothing of its content: it may be secret."""
    match exc:
        case BadValue():
            return str(exc)
        case KeyError(args=(str() as name, *_)) if name.isidentifier() and len(name) < 40:
            return f"it has no {name}"
        case KeyError():
            return "something that it should have is missing"
        case TypeError() | AttributeError():
            return "a value in it has another type than it should have"
        case RecursionError():
            return "it is nested too deeply"
        case ValueError() | OverflowError():
            return "a value in it is not of the form that it should have"
        case _:
            return type(exc).__name__
