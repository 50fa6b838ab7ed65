"""The messages of Anthropic's Messages API: https://platform.claude.com/docs/en/api/messages.

Clients move `cache_control` from message to message and wrap texts in blocks to place it. Neither says anything, so
neither is part of a conversation. Claude Code begins its system prompt with a line for billing that changes with every
request: it is left out too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many
from gemtap.reuse import read_once

_BILLING: Final = "x-anthropic-billing-header:"

_MEDIA_TYPES: Final = {"image": "image/*", "document": "application/pdf"}


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request for a message and of the message."""
    fields = as_dict(request)
    said = [as_dict(message) for message in as_list(fields.get("messages"))]
    answer = tuple(_parts(as_dict(response).get("content")))
    system = [fields.get("system"), *(each.get("content") for each in said if each.get("role") == "system")]
    return Conversation(
        system="\n".join(text for each in system for text in _system(each)) or None,
        prompt=tuple(message for each in said if each.get("role") != "system" for message in _messages(each)),
        answer=Message("model", answer) if answer else None,
        tools=tuple(_tools(one_or_many(fields.get("tools")))),
        built_in=(*_built_in(one_or_many(fields.get("tools"))), *_servers(one_or_many(fields.get("mcp_servers")))),
    )


def read_completion(request: Json, response: Json) -> Conversation:
    """The prompt of a legacy text completion, and the text."""
    prompt, completion = as_text(as_dict(request).get("prompt")), as_text(as_dict(response).get("completion"))
    return Conversation(
        system=None,
        prompt=(Message("user", (Text(prompt),)),) if prompt is not None else (),
        answer=Message("model", (Text(completion),)) if completion is not None else None,
    )


def _system(system: Json) -> Iterator[str]:
    for part in _parts(system):
        if isinstance(part, Text) and not part.text.startswith(_BILLING):
            yield part.text


@read_once
def _messages(message: dict[str, Json]) -> tuple[Message, ...]:
    """The message. The results of tools, which the user sends here, are a message of their own before the rest."""
    parts = tuple(_parts(message.get("content")))
    if message.get("role") == "assistant":
        return (Message("model", parts),) if parts else ()
    results = tuple(part for part in parts if isinstance(part, Result))
    others = tuple(part for part in parts if not isinstance(part, Result))
    found = (Message("tool", results), Message("user", others))
    return tuple(each for each in found if each.parts)


def _parts(content: Json) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for block in one_or_many(content):
        yield from _block(as_dict(block))


def _block(block: dict[str, Json]) -> Iterator[Part]:
    match block.get("type"):
        case "text":
            text = as_text(block.get("text"))
            if text is not None:
                yield Text(text)
            yield from _grounding(as_list(block.get("citations")))
        case "thinking":
            yield Thought(
                as_text(block.get("thinking")) or "", as_text(block.get("signature")), form="anthropic_messages"
            )
        case "redacted_thinking":
            yield Thought("", sealed=as_text(block.get("data")), form="anthropic_messages")
        case "tool_use":
            arguments = block.get("input")
            yield Call(
                as_text(block.get("name")) or "", {} if arguments is None else arguments, as_text(block.get("id"))
            )
        case "tool_result":
            yield _result(block)
        case "image" | "document" as kind if isinstance(block.get("source"), dict):
            yield from _source(kind, as_dict(block["source"]))
        case "web_search_tool_result":
            yield Other("web_search_tool_result", _plain(block))
            yield from _searched(as_list(block.get("content")))
        case str() as kind:
            # What Anthropic itself runs, compactions, and kinds that are not known.
            yield Other(kind, _plain(block))


def _result(block: dict[str, Json]) -> Result:
    """A result is text: in a string, or in blocks, perhaps with images between."""
    content = block.get("content")
    blocks = [as_dict(each) for each in as_list(content)]
    media = tuple(part for each in blocks for part in _block(each) if isinstance(part, Media))
    rest = [each for each in blocks if each.get("type") not in _MEDIA_TYPES]
    if isinstance(content, list):
        only_text = all(each.get("type") == "text" for each in rest)
        content = "".join(as_text(each.get("text")) or "" for each in rest) if only_text else [*map(_plain, rest)]
    is_error = block.get("is_error") is True
    return Result("" if content is None else content, None, as_text(block.get("tool_use_id")), media, is_error)


def _source(kind: str, source: dict[str, Json]) -> Iterator[Part]:
    """The content of an image or a document: data, an address, an uploaded file, or text."""
    mime_type = as_text(source.get("media_type")) or _MEDIA_TYPES[kind]
    match source.get("type"):
        case "base64":
            yield Media(mime_type, base64=as_text(source.get("data")))
        case "text":
            text = as_text(source.get("data"))
            if text is not None:
                yield Text(text)
        case "content":
            yield from _parts(source.get("content"))
        case _:
            yield Media(mime_type, uri=as_text(source.get("url")) or as_text(source.get("file_id")))


def _plain(block: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in block.items() if name != "cache_control"}


def _grounding(citations: list[Json]) -> Iterator[Grounding]:
    """The sources that a text cites."""
    sources = []
    for each in citations:
        fields = as_dict(each)
        kind = (as_text(fields.get("type")) or "citation").removesuffix("_location")
        title = as_text(fields.get("title")) or as_text(fields.get("document_title"))
        uri = as_text(fields.get("url")) or as_text(fields.get("source")) or as_text(fields.get("file_id"))
        sources.append(Source(kind, title, uri, as_text(fields.get("cited_text"))))
    if sources:
        yield Grounding((), tuple(dict.fromkeys(sources)))


def _searched(results: Iterable[Json]) -> Iterator[Grounding]:
    found = [as_dict(each) for each in results]
    sources = [Source("web", as_text(each.get("title")), as_text(each.get("url"))) for each in found]
    if sources:
        yield Grounding((), tuple(dict.fromkeys(sources)))


def _is_custom(tool: dict[str, Json]) -> bool:
    return as_text(tool.get("type")) in (None, "custom")


def _tools(tools: list[Json]) -> Iterator[Tool]:
    for tool in tools:
        fields = as_dict(tool)
        name = as_text(fields.get("name"))
        if name is not None and _is_custom(fields):
            yield Tool(name, as_text(fields.get("description")), fields.get("input_schema"))


def _built_in(tools: list[Json]) -> Iterator[BuiltInTool]:
    """Tools that Anthropic defines: most of them it also runs."""
    for tool in tools:
        fields = as_dict(tool)
        if not _is_custom(fields):
            settings = {name: value for name, value in _plain(fields).items() if name != "type"}
            yield BuiltInTool(as_text(fields.get("type")) or "", settings)


def _servers(servers: list[Json]) -> Iterator[BuiltInTool]:
    """MCP servers, whose tools Anthropic calls."""
    for server in servers:
        fields = as_dict(server)
        if fields:
            yield BuiltInTool("mcp_server", {name: fields[name] for name in ("name", "url") if name in fields})
