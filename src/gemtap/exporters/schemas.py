"""Parameters of tools, in JSON Schema and in Google's dialect of it."""

from __future__ import annotations

from typing import Any, Final

from gemtap.interaction import Json

# https://ai.google.dev/api/caching#Schema
_GOOGLE_KNOWS: Final = frozenset(
    {
        "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
        "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
        "default", "items", "minimum", "maximum",
    }
)  # fmt: skip

_NUMBERS: Final = frozenset(
    {"maxItems", "minItems", "minProperties", "maxProperties", "minLength", "maxLength", "minimum", "maximum"}
)


def to_google(schema: Json) -> Json:
    """A schema in Google's dialect: upper-case types, and only the keywords that it supports."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        match name:
            case "type" if isinstance(value, list):
                # JSON Schema writes nullable as ["string", "null"].
                kinds = [kind for kind in value if kind != "null"]
                if len(kinds) < len(value):
                    kept["nullable"] = True
                if kinds:
                    kept["type"] = str(kinds[0]).upper()
            case "type":
                kept["type"] = str(value).upper()
            case "properties" if isinstance(value, dict):
                kept["properties"] = {each: to_google(inner) for each, inner in value.items()}
            case "items":
                kept["items"] = to_google(value)
            case "anyOf" | "oneOf" if isinstance(value, list):
                kept["anyOf"] = [to_google(each) for each in value]
            case "const":
                kept["enum"] = [str(value)]
            case "enum" if isinstance(value, list):
                kept["enum"] = [str(each) for each in value]
            case _ if name in _GOOGLE_KNOWS:
                kept[name] = value
    return kept


def to_json_schema(schema: Json) -> Json:
    """A schema of either dialect as JSON Schema."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        match name:
            case "type" if isinstance(value, str):
                kind = value.lower()
                kept["type"] = [kind, "null"] if schema.get("nullable") is True else kind
            case "properties" if isinstance(value, dict):
                kept["properties"] = {each: to_json_schema(inner) for each, inner in value.items()}
            case "items":
                kept["items"] = to_json_schema(value)
            case "anyOf" | "oneOf" | "allOf" if isinstance(value, list):
                kept[name] = [to_json_schema(each) for each in value]
            case "nullable" | "propertyOrdering":
                pass
            case _ if name in _NUMBERS and isinstance(value, str):
                # Google's JSON writes 64-bit integers as strings.
                kept[name] = int(value) if value.isdecimal() else value
            case _:
                kept[name] = value
    return kept
