"""Reads GenerateContentRequests as leniently as Google does.

A name may be in camelCase or snake_case, and a repeated field may have a single value instead of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from gemtap.interaction import Json

Object = dict[str, Any]


def member(value: Json, name: str) -> Json:
    """A member by its camelCase name, else by its snake_case name, or None if it has neither."""
    if not isinstance(value, dict):
        return None
    return value[name] if name in value else value.get(re.sub(r"[A-Z]", lambda capital: "_" + capital[0].lower(), name))


def objects(value: Json) -> list[Object]:
    """The objects of a repeated field."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def parts(content: Json) -> list[Object]:
    """The parts of a content."""
    return objects(member(content, "parts"))


def text_of(content: Json) -> str:
    """The text of a content's parts, without thinking."""
    return "\n".join(
        part["text"] for part in parts(content) if isinstance(part.get("text"), str) and not part.get("thought")
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """The parts of a request that the response depends on."""

    contents: list[Object]
    last_text: str
    """The last text of the user."""
    function_responses: list[Object]
    """The function results in the last content."""
    callable_functions: list[Object]
    """Declarations of the functions that the model may call now. Empty if the last content has function results."""
    generation_config: Json

    @classmethod
    def read(cls, request: Json) -> Self:
        """Read a request. Fields may be missing."""
        contents = objects(member(request, "contents"))
        last = contents[-1] if contents else None
        responses = [response for part in parts(last) if isinstance(response := member(part, "functionResponse"), dict)]
        user_texts = (text for content in reversed(contents) if _is_user(content) and (text := text_of(content)))
        asked = not responses and _is_user(last)
        return cls(
            contents=contents,
            last_text=next(user_texts, ""),
            function_responses=responses,
            callable_functions=list(_callable_functions(request)) if asked else [],
            generation_config=member(request, "generationConfig"),
        )

    @property
    def earlier(self) -> list[Object]:
        """The contents that an earlier request already had: everything up to the last content of the model."""
        model_turns = [at for at, content in enumerate(self.contents) if content.get("role") == "model"]
        return self.contents[: model_turns[-1] + 1] if model_turns else []

    @property
    def response_schema(self) -> Json:
        """The schema of the response: an empty one if any JSON will do, or None if text is requested."""
        if member(self.generation_config, "responseMimeType") != "application/json":
            return None
        config = self.generation_config
        return member(config, "responseSchema") or member(config, "responseJsonSchema") or {}


def _is_user(content: Json) -> bool:
    return isinstance(content, dict) and content.get("role") in (None, "user")


def _callable_functions(request: Json) -> Iterator[Object]:
    choice = member(member(request, "toolConfig"), "functionCallingConfig")
    if member(choice, "mode") == "NONE":
        return
    allowed = member(choice, "allowedFunctionNames")
    for tool in objects(member(request, "tools")):
        for declaration in objects(member(tool, "functionDeclarations")):
            if isinstance(declaration.get("name"), str) and declaration["name"] in (allowed or [declaration["name"]]):
                yield declaration


def parameter_schema(declaration: Object) -> Json:
    """The schema of a function's arguments."""
    return member(declaration, "parameters") or member(declaration, "parametersJsonSchema") or {"type": "OBJECT"}


def thinks(model: str, generation_config: Json) -> bool:
    """Whether the model thinks before it answers this request."""
    config = member(generation_config, "thinkingConfig")
    budget = member(config, "thinkingBudget")
    if budget is not None:
        return bool(budget)
    asked = member(config, "includeThoughts") or member(config, "thinkingLevel")
    return bool(asked) or "thinking" in model or re.match(r"gemini-(2\.5|3(\.\d+)?)-pro", model) is not None


def shows_thoughts(generation_config: Json) -> bool:
    """Whether the response includes thoughts. Google requires a yes; this API omits them only on an explicit no."""
    return member(member(generation_config, "thinkingConfig"), "includeThoughts") is not False
