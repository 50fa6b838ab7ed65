"""Schemas of tools, from JSON Schema to Google's dialect and back."""

from __future__ import annotations

import pytest
from google.genai import types

from gemtap.exporters.schemas import to_google, to_json_schema
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
    ],
)
def test_to_google(schema: Json, googles: Json) -> None:
    assert to_google(schema) == googles
    types.Schema.model_validate(googles)


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
    assert to_json_schema(googles) == schema
