"""Supervised tuning of Gemini on Vertex AI: JSON lines with `systemInstruction`, `contents` and `tools`.

Format: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare, and of function
calls https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-function-calling.
Limits: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from gemtap.conversation.canonical import Place, joined, paired, sent_again
from gemtap.conversation.model import (
    UNKNOWN_TYPE,
    Aside,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Text,
    Thought,
    Tool,
)
from gemtap.conversation.schemas import Untranslatable, to_google
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.training import Example, Unfit, lines
from gemtap.interaction import Json
from gemtap.json_access import as_dict, json_or_text
from gemtap.stores.base import Store

MAX_TOKENS: Final = 131_072
"""Limit of one example, input and output together, for Gemini 2.5 Flash and Flash-Lite."""

MAX_EXAMPLES: Final = 1_000_000
MAX_VALIDATION_EXAMPLES: Final = 5_000
MAX_FILE: Final = 1_000_000_000
"""Limit of a JSONL file, in bytes."""

# https://ai.google.dev/api/caching#FunctionDeclaration
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")

_PARTS: Final = frozenset({"text", "fileData", "functionCall", "functionResponse"})


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One example per line."""
    size = 0
    async for piece in lines(store, wanted, report, to_example):
        size += len(piece.content)
        yield piece
    warn_of_limits(report, size)


def warn_of_limits(report: Report, size: int) -> None:
    """Warn about files that exceed the limits of Vertex AI. `size` is in bytes."""
    for much, limit, what in (
        (report.written["train"], MAX_EXAMPLES, "examples in the training file"),
        (report.written["validation"], MAX_VALIDATION_EXAMPLES, "examples in the validation file"),
        (size, MAX_FILE, "bytes"),
    ):
        if much > limit:
            report.warnings.append(f"{much:,} {what}: Vertex AI takes {limit:,}. Narrow the export.")


def to_example(conversation: Conversation, tokens: int | None) -> Example:
    """The line of a conversation, without thoughts, which tuning does not use. Raises Unfit."""
    if tokens is not None and tokens > MAX_TOKENS:
        raise Unfit(f"over {MAX_TOKENS:,} tokens")
    example: Example = {}
    if conversation.system is not None:
        example["systemInstruction"] = {"role": "system", "parts": [{"text": conversation.system}]}
    example["contents"] = _contents(conversation.messages)
    if conversation.tools:
        example["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in conversation.tools]}]
    names = [tool.name for tool in conversation.tools]
    names += [part.name for message in conversation.messages for part in message.parts if isinstance(part, Call)]
    if not all(map(_NAME.fullmatch, names)):
        raise Unfit("a tool's name that Google does not take")
    fault = fault_of(example)
    if fault is not None:
        raise Unfit(fault)
    return example


def fault_of(example: Mapping[str, Any]) -> str | None:
    """Why Vertex AI would reject an example, or None if it is valid."""
    contents = example["contents"]
    roles = [content["role"] for content in contents]
    if roles[:1] != ["user"]:
        return "it does not begin with the user"
    if roles[-1] != "model":
        return "it does not end with the model"
    if any(role == following for role, following in pairwise(roles)):
        return "user and model do not take turns"
    if any(
        not content["parts"] or any(len(part.keys() & _PARTS) != 1 for part in content["parts"]) for content in contents
    ):
        return "a message with nothing in it"
    for content, following in pairwise(contents):
        called = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        answered = [part["functionResponse"]["name"] for part in following["parts"] if "functionResponse" in part]
        if sorted(called) != sorted(answered):
            return "function calls and their results do not match"
    if any("functionResponse" in part for part in contents[0]["parts"]):
        return "function calls and their results do not match"
    return None


def _contents(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    """Contents with alternating roles: consecutive messages of one side are joined."""
    # A model must not learn where a stream was cut.
    messages = [_without_cuts(message) if message.role == "model" else message for message in conversation]
    called = {result: messages[call[0]].parts[call[1]] for result, call in paired(messages).items()}
    contents: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        role = "model" if message.role == "model" else "user"
        parts = list(_parts(number, message, called))
        if not parts:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _without_cuts(message: Message) -> Message:
    return replace(message, parts=tuple(joined(sent_again(message.parts))))


def _parts(number: int, message: Message, called: Mapping[Place, Part]) -> Iterator[dict[str, Any]]:
    """The parts that tuning accepts. `called` has the call of each result."""
    for index, part in enumerate(message.parts):
        match part:
            case Text():
                yield {"text": part.text}
            case Thought():
                pass
            case Call():
                if not isinstance(part.arguments, dict):
                    raise Unfit("a call whose arguments are not an object")
                yield {"functionCall": {"name": part.name, "args": part.arguments}}
            case Result():
                if part.media:
                    raise Unfit("media that a tool returned")
                call = called.get((number, index))
                name = part.name or (call.name if isinstance(call, Call) else None)
                if name is None:
                    raise Unfit("function calls and their results do not match")
                yield {"functionResponse": {"name": name, "response": _response(part)}}
            case Media():
                if message.role == "model":
                    raise Unfit("media that the model generated")
                uri = _public(part)
                file = {"fileData": {"mimeType": _type_of(part), "fileUri": uri}}
                yield file if part.cut is None else {**file, "videoMetadata": part.cut}
            case Grounding() | Aside():
                pass
            case Other():
                raise Unfit(f"a part that tuning does not take ({part.kind})")


def _response(result: Result) -> dict[str, Json]:
    """An object, as Google has results: other APIs have texts, perhaps with an object's JSON in them."""
    content = result.content
    if isinstance(content, str) and content.startswith("{"):
        content = json_or_text(content)
    if isinstance(content, dict):
        return content
    return {"error" if result.is_error else "result": content}


def _type_of(media: Media) -> str:
    """The MIME type. Other APIs take an address without one: then its ending tells."""
    kind = media.mime_type
    if "*" in kind or kind == UNKNOWN_TYPE:
        kind = mimetypes.guess_type((media.uri or "").partition("?")[0])[0] or ""
    if not kind:
        raise Unfit("media whose type is not known")
    return kind


def _public(media: Media) -> str:
    """Whether a tuning job can read the URI: Cloud Storage, or the web."""
    uri = media.uri or ""
    # Files of the Gemini API are readable only by their owner, for two days.
    if uri.startswith("gs://") or (uri.startswith("https://") and "generativelanguage.googleapis.com" not in uri):
        return uri
    raise Unfit("media that are neither in Cloud Storage nor on the web")


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.parameters is not None and not _takes_nothing(tool.parameters):
        try:
            declaration["parameters"] = to_google(tool.parameters)
        except Untranslatable as exc:
            raise Unfit(f"a tool whose parameters tuning cannot express: {exc}") from exc
    return declaration


def _takes_nothing(parameters: Json) -> bool:
    """Whether a schema has no properties: Google refuses objects without any, and takes a tool without parameters."""
    fields = as_dict(parameters)
    return (
        str(fields.get("type", "object")).lower() == "object"
        and fields.keys()
        <= {
            *("type", "properties", "required", "additionalProperties", "$schema", "title", "description"),
        }
        and not fields.get("properties")
    )


FORMAT: Final = Format(
    "gemini-tuning", "supervised tuning of Gemini on Vertex AI", ".jsonl", "application/jsonl", write, trains=True
)
