"""Schemas of tools, from JSON Schema to Google's dialect and back."""

from __future__ import annotations

import pytest
from google.genai import types

from gemtap.conversation.schemas import Untranslatable, to_google, to_json_schema
from gemtap.interaction import Json


@pytest.mark.parametrize(
    ("schema", "googles"),
    [
        ({"type": "string", "$schema": "x", "additionalProperties": False}, {"type": "STRING"}),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"type": "array", "items": {"type": "integer"}}, {"type": "ARRAY", "items": {"type": "INTEGER"}}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"const": 1}, {"enum": ["1"]}),
        ({"enum": [1, "a"], "type": "string"}, {"enum": ["1", "a"], "type": "STRING"}),
        ({"properties": {"type": {"type": "string"}}}, {"properties": {"type": {"type": "STRING"}}}),
        ({"type": "STRING"}, {"type": "STRING"}),
        ({"type": ["string", "integer", "null"]},
         {"nullable": True, "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        ({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}], "default": None, "title": "T"},
         {"type": "STRING", "maxLength": 9, "nullable": True, "default": None, "title": "T"}),
        ({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
         {"nullable": True, "anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"type": "object", "$defs": {"Item": {"type": "object", "properties": {"name": {"type": "string"}}}},
          "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
                         "first": {"$ref": "#/$defs/Item", "description": "The first"}}},
         {"type": "OBJECT", "properties": {
             "items": {"type": "ARRAY", "items": {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}}},
             "first": {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}, "description": "The first"}}}),
        ({"type": "object", "definitions": {"A": {"$ref": "#/definitions/B"}, "B": {"type": "string"}},
          "properties": {"a": {"allOf": [{"$ref": "#/definitions/A"}], "description": "An A"}}},
         {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "An A"}}}),
        ({"type": "object", "properties": {}}, {"type": "OBJECT", "properties": {}}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "OBJECT"}),
    ],
)  # fmt: skip
def test_to_google(schema: Json, googles: Json) -> None:
    """Types, unions and references of JSON Schema in Google's dialect, as google-genai's own type takes it."""
    assert to_google(schema) == googles
    types.Schema.model_validate(googles)


LAUGHS: Json = {
    "$defs": {
        **{f"l{n}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/l{n + 1}"} for k in "abcdefgh"}}
           for n in range(12)},
        "l12": {"type": "string"},
    },
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/l0"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Nowhere"}}},
        {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema.json"}}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"$defs": {"T": {"type": "object", "properties": {"t": {"$ref": "#/$defs/T"}}}}, "$ref": "#/$defs/T"},
        {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "array", "items": {"description": "anything"}},
        {"allOf": [{"type": "object"}, {"required": ["a"]}]},
        LAUGHS,
    ],
)
def test_what_googles_dialect_cannot_express_is_refused(schema: Json) -> None:
    """No schema comes out that says less of the arguments than there was, and none takes long."""
    with pytest.raises(Untranslatable):
        to_google(schema)


@pytest.mark.parametrize(
    ("googles", "schema"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}, "propertyOrdering": ["a"]},
         {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ({"type": "ARRAY", "minItems": "2", "items": {"type": "BOOLEAN"}},
         {"type": "array", "minItems": 2, "items": {"type": "boolean"}}),
        ({"anyOf": [{"type": "STRING"}]}, {"anyOf": [{"type": "string"}]}),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
        (None, None),
    ],
)  # fmt: skip
def test_to_json_schema(googles: Json, schema: Json) -> None:
    """Google's schemas are converted to JSON Schema."""
    assert to_json_schema(googles) == schema
