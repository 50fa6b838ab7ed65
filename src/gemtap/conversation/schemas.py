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


_NO_EQUIVALENT: Final = frozenset({"prefixItems", "patternProperties", "not", "if", "dependentSchemas", "$dynamicRef"})
"""Keywords that decide what arguments look like, and that Google's dialect cannot express."""

_MAX_SCHEMAS: Final = 10_000
_MAX_DEPTH: Final = 60


class Untranslatable(Exception):
    """Google's dialect cannot express the schema. The message says why, and quotes nothing of the schema."""


def to_google(schema: Json) -> dict[str, Any]:
    """A schema in Google's dialect: upper-case types, references inlined, and only the keywords that it supports.

    Constraints without an equivalent are left out, as long as all valid arguments stay valid. Raises Untranslatable
    where what is left would say nothing of the arguments, or something else.
    """
    # Imported here: it imports requests, which takes a tenth of a second.
    import jsonref

    try:
        inlined = jsonref.replace_refs(
            schema, proxies=False, lazy_load=False, merge_props=True, loader=_no_other_documents
        )
    except (jsonref.JsonRefError, RecursionError, ValueError) as exc:
        raise Untranslatable("a reference that leads nowhere") from exc
    return _Translation().of(inlined)


def _no_other_documents(uri: str, **_: Any) -> Json:
    raise ValueError("a reference to another document")


class _Translation:
    """One translation. It counts, because references can make a small schema as large as they like."""

    def __init__(self) -> None:
        self._left = _MAX_SCHEMAS

    def of(self, schema: Json, depth: int = 0) -> dict[str, Any]:
        self._left -= 1
        if depth > _MAX_DEPTH or self._left < 0:
            raise Untranslatable("it contains itself, or is too large")
        if not isinstance(schema, dict):
            raise Untranslatable("a part of it has no type")
        if schema.keys() & _NO_EQUIVALENT:
            raise Untranslatable("it uses keywords without an equivalent")
        kept: dict[str, Any] = {}
        for name, value in schema.items():
            match name:
                case "type" if isinstance(value, list):
                    # JSON Schema writes nullable as ["string", "null"].
                    kinds = [kind for kind in value if kind != "null"]
                    if len(kinds) < len(value):
                        kept["nullable"] = True
                    if len(kinds) == 1:
                        kept["type"] = str(kinds[0]).upper()
                    elif kinds:
                        kept["anyOf"] = [{"type": str(kind).upper()} for kind in kinds]
                case "type":
                    kept["type"] = str(value).upper()
                case "properties" if isinstance(value, dict):
                    kept["properties"] = {each: self.of(inner, depth + 1) for each, inner in value.items()}
                case "items":
                    kept["items"] = self.of(value, depth + 1)
                case "anyOf" | "oneOf" if isinstance(value, list):
                    kept |= self._any_of(value, depth)
                case "allOf" if isinstance(value, list):
                    if len(value) != 1:
                        raise Untranslatable("it combines several schemas")
                    kept = {**self.of(value[0], depth + 1), **kept}
                case "const":
                    kept["enum"] = [str(value)]
                case "enum" if isinstance(value, list):
                    kept["enum"] = [str(each) for each in value]
                case _ if name in _GOOGLE_KNOWS:
                    kept[name] = value
        if depth and not kept.keys() & {"type", "anyOf", "enum"}:
            raise Untranslatable("a part of it has no type")
        return kept

    def _any_of(self, choices: list[Json], depth: int) -> dict[str, Any]:
        """The choices, null among them as `nullable`. A single one stands for itself."""
        others = [each for each in choices if not (isinstance(each, dict) and each.get("type") in ("null", "NULL"))]
        kept: dict[str, Any] = {"nullable": True} if len(others) < len(choices) else {}
        translated = [self.of(each, depth + 1) for each in others]
        if len(translated) == 1:
            return {**translated[0], **kept}
        return {**kept, "anyOf": translated}


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
