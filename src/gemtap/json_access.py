"""Reading JSON of which nothing is certain: where a value has another shape than hoped for, it counts as empty."""

from __future__ import annotations

import json

from gemtap.interaction import Json


def read_json(raw: bytes) -> Json:
    """The value, or None where the bytes are no JSON that can be read."""
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def members(value: Json) -> dict[str, Json]:
    """The object itself; of anything else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """The array itself; of anything else an empty one."""
    return value if isinstance(value, list) else []


def word(value: Json) -> str | None:
    """The string itself, if it says anything."""
    return value if isinstance(value, str) and value else None


def count(value: Json) -> int | None:
    """The number itself, if it can be a count: whole, not negative, and not over 64 bits."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def overlay(target: dict[str, Json], fields: dict[str, Json]) -> None:
    """Set the fields in the target. The last one wins, but null says nothing where there is a value."""
    for name, value in fields.items():
        if value is not None or name not in target:
            target[name] = value
