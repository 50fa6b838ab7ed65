"""The conversation of `contents` and `candidates`.

After https://ai.google.dev/api/caching#Content. The API takes names in `snake_case` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gemtap.conversation.model import (
    UNKNOWN_TYPE,
    Call,
    Conversation,
    Media,
    Message,
    Other,
    Part,
    Result,
    Role,
    Text,
    Thought,
    Tool,
)
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request for content and of its answer, of which the first candidate counts."""
    fields = as_dict(request)
    candidates = as_list(as_dict(response).get("candidates"))
    answer = read_message(as_dict(candidates[0]).get("content")) if candidates else ()
    return Conversation(
        system=system_text(either(fields, "systemInstruction", "system_instruction")),
        prompt=tuple(message for content in contents_of(fields) for message in read_message(content)),
        answer=Message("model", tuple(part for message in answer for part in message.parts)) if answer else None,
        tools=tuple(declared_tools(as_list(fields.get("tools")))),
    )


def contents_of(request: dict[str, Json]) -> list[Json]:
    """The contents of a request."""
    contents = request.get("contents")
    # A single content may stand without its array, and a text without everything around it.
    if isinstance(contents, str):
        return [{"role": "user", "parts": [{"text": contents}]}]
    return [contents] if isinstance(contents, dict) else as_list(contents)


def read_message(content: Json) -> list[Message]:
    """The message of a content; two where tool results and words of a person stand together, none of an empty one."""
    fields = as_dict(content)
    parts = list(_parts(fields.get("parts")))
    if fields.get("role") == "model":
        return _message("model", parts)
    results = [part for part in parts if isinstance(part, Result)]
    return _message("tool", results) + _message("user", [part for part in parts if not isinstance(part, Result)])


def _message(role: Role, parts: Iterable[Part]) -> list[Message]:
    kept = tuple(parts)
    return [Message(role, kept)] if kept else []


def _parts(parts: Json) -> Iterator[Part]:
    for part in [parts] if isinstance(parts, dict) else as_list(parts):
        read = _part(as_dict(part))
        if read is not None:
            yield read


def _part(part: dict[str, Json]) -> Part | None:
    """The part; None of one that says nothing, such as a thought's signature alone."""
    for name, value in part.items():
        match name:
            case "text":
                if not isinstance(value, str) or not value:
                    continue
                return Thought(value) if part.get("thought") is True else Text(value)
            case "functionCall" | "function_call" if isinstance(value, dict):
                return Call(as_text(value.get("name")) or "", value.get("args") or {}, as_text(value.get("id")))
            case "functionResponse" | "function_response":
                result = as_dict(value)
                return Result(result.get("response"), as_text(result.get("name")), as_text(result.get("id")))
            case "inlineData" | "inline_data" | "fileData" | "file_data":
                media = as_dict(value)
                return Media(
                    as_text(either(media, "mimeType", "mime_type")) or UNKNOWN_TYPE,
                    uri=as_text(either(media, "fileUri", "file_uri")),
                    base64=as_text(media.get("data")),
                )
            case "executableCode" | "executable_code" | "codeExecutionResult" | "code_execution_result":
                return Other(name, value)
    return None


def system_text(content: Json) -> str | None:
    """The text of a system instruction."""
    if isinstance(content, str):
        return content or None
    parts = as_dict(content).get("parts")
    texts = [
        text for part in ([parts] if isinstance(parts, dict) else as_list(parts)) if (text := as_dict(part).get("text"))
    ]
    return "\n".join(text for text in texts if isinstance(text, str)) or None


def declared_tools(tools: Iterable[Json]) -> Iterator[Tool]:
    """The functions that are declared. What Google itself runs, such as its search, is no tool of the client."""
    for tool in tools:
        for declaration in as_list(either(as_dict(tool), "functionDeclarations", "function_declarations")):
            fields = as_dict(declaration)
            name = as_text(fields.get("name"))
            if name is not None:
                schema = either(fields, "parametersJsonSchema", "parameters_json_schema")
                yield Tool(name, as_text(fields.get("description")), schema or fields.get("parameters"))


def either(fields: dict[str, Json], *names: str) -> Json:
    """The first of these members that there is: names come in two spellings."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)
