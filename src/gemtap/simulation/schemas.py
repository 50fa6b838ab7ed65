"""Generates values that match a schema, as a model would.

Supports the common part of Google's `Schema` (https://ai.google.dev/api/caching#Schema) and JSON Schema.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from gemtap.interaction import Json

_DEEPEST: Final = 6
"""Depth limit for recursive schemas: null below it, and only required members below half of it."""

_LONGEST: Final = 20
"""Maximum length of arrays, whatever the schema says."""

_BY_NAME: Final[dict[str, tuple[str, ...]]] = {
    "city": ("Zurich", "Lisbon", "Boston", "Kyoto"),
    "location": ("Zurich", "Lisbon", "Boston", "Kyoto"),
    "country": ("Switzerland", "Portugal", "Japan"),
    "path": ("src/app.py", "README.md", "tests/test_app.py"),
    "file": ("src/app.py", "README.md", "tests/test_app.py"),
    "dir": ("src", "tests"),
    "url": ("https://example.com/", "https://example.com/docs"),
    "command": ("ls -la", "git status --short", "python -m pytest -q"),
    "pattern": ("def main", "class .*:", "import asyncio"),
    "language": ("Python", "TypeScript"),
    "email": ("ada@example.com",),
    "date": ("2026-05-13",),
    "time": ("14:30",),
    "unit": ("celsius",),
}
"""Strings for members whose names contain the word."""

_BY_FORMAT: Final[dict[str, str]] = {
    "date-time": "2026-05-13T19:57:43Z",
    "date": "2026-05-13",
    "time": "19:57:43Z",
    "uri": "https://example.com/",
    "email": "ada@example.com",
}


class Examples:
    """Generates values for one schema. `topic` is the content of free-form strings."""

    def __init__(self, schema: Json, rng: Random, topic: str, *, optional: bool) -> None:
        self._root = schema
        self._rng = rng
        self._topic = topic
        self._optional = optional
        """Whether to generate members that are not in the schema's list of `required` ones."""

    def make(self) -> Json:
        """A value that matches the schema."""
        return self._value(self._root, name="", depth=0)

    def _value(self, schema: Json, name: str, depth: int) -> Json:
        schema = self._resolved(schema)
        if depth > _DEEPEST:
            return None
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._rng.choice(schema["enum"])
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                length = min(max(_integer(schema, "minItems", 1), 1), _LONGEST)
                return [self._value(schema.get("items"), name, depth + 1) for _ in range(length)]
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return self._rng.random() < 0.5
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, schema: Json) -> dict[str, Any]:
        """The schema itself or the one it refers to. From alternatives, the first that is not null."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict):
                break
            given = schema.get("anyOf") or schema.get("oneOf")
            alternatives = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, dict)]
            if "$ref" in schema:
                schema = self._definition(str(schema["$ref"]))
            elif alternatives:
                schema = next((one for one in alternatives if _type(one) != "null"), None)
            else:
                return schema
        return {}

    def _definition(self, reference: str) -> Json:
        schema = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            schema = schema.get(name) if isinstance(schema, dict) else None
        return schema

    def _object(self, schema: dict[str, Any], depth: int) -> Json:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {}
        required = schema.get("required")
        if not isinstance(required, list) or (self._optional and depth < _DEEPEST // 2):
            required = list(properties)
        return {name: self._value(member, name, depth + 1) for name, member in properties.items() if name in required}

    def _number(self, schema: dict[str, Any]) -> int:
        low = _integer(schema, "minimum", min(1, _integer(schema, "maximum", 1)))
        return self._rng.randint(low, max(low, _integer(schema, "maximum", low + 41)))

    def _string(self, schema: dict[str, Any], name: str) -> str:
        by_format = _BY_FORMAT.get(str(schema.get("format")))
        if by_format is not None:
            return by_format
        words = next((words for word, words in _BY_NAME.items() if word in name.lower()), None)
        return self._rng.choice(words) if words else self._topic


def _integer(schema: dict[str, Any], key: str, default: int) -> int:
    """An integer bound of the schema. Google writes large ones as strings."""
    try:
        return int(schema.get(key, default))
    except (TypeError, ValueError, OverflowError):
        return default


def _type(schema: Json) -> str:
    """The type's name in lower case. Google writes OBJECT, JSON Schema `object` or `["object", "null"]`."""
    if not isinstance(schema, dict):
        return "string"
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((name for name in declared if str(name).lower() != "null"), None)
    if isinstance(declared, str):
        return declared.lower()
    return "object" if "properties" in schema else "array" if "items" in schema else "string"
