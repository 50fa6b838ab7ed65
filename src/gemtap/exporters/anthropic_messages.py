"""Messages with tools in the format of Anthropic's Messages API, of conversations with any provider.

A line is the body of a request without model and settings, and ends with the answer. Format:
https://platform.claude.com/docs/en/api/messages.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gemtap.conversation.canonical import Place, paired
from gemtap.conversation.model import (
    Call,
    Conversation,
    Media,
    Message,
    Other,
    Part,
    Result,
    Text,
    Thought,
)
from gemtap.dialects.anthropic_messages.write import tool_definition
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.training import Example, Unfit, lines
from gemtap.json_access import as_dict, as_json_text
from gemtap.stores.base import Store

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_MISMATCH: Final = "function calls and their results do not match"

_OF_THE_API: Final = re.compile(
    r"(server|mcp)_tool_use|\w+_tool_result|container_upload|compaction|search_result|fallback|mcp_tool_listing"
)
"""Blocks of the Messages API that are kept as they are."""


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One example per line."""
    async for piece in lines(store, wanted, report, to_example):
        yield piece


def to_example(conversation: Conversation, tokens: int | None) -> Example:
    """The line of a conversation. Raises Unfit.

    Claude's thoughts are kept if they have a signature or are encrypted: the API takes no others.
    """
    messages = list(_messages(conversation.messages))
    if not messages or messages[0]["role"] != "user":
        raise Unfit("it does not begin with the user")
    answer = conversation.messages[-1].parts
    if messages[-1]["role"] != "assistant" or all(isinstance(part, Thought) for part in answer):
        raise Unfit("it does not end with the model")
    example: Example = {}
    if conversation.system is not None:
        example["system"] = conversation.system
    if conversation.tools:
        example["tools"] = [tool_definition(tool) for tool in conversation.tools]
    names = [tool.name for tool in conversation.tools]
    names += [part.name for message in conversation.messages for part in message.parts if isinstance(part, Call)]
    if not all(_NAME.fullmatch(name) for name in names):
        raise Unfit("a tool's name has more than letters, digits, _ and -")
    return {**example, "messages": messages}


def _messages(said: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """The messages, by turns of the user and the model. Results belong to the user's turn and come first in it."""
    ids, answered = _call_ids(said), paired(said)
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for number, message in enumerate(said):
        role = "assistant" if message.role == "model" else "user"
        blocks = [
            block for index, part in enumerate(message.parts) for block in _blocks(part, (number, index), ids, answered)
        ]
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    open_calls: set[str] = set()
    for role, blocks in turns:
        results = [block for block in blocks if block["type"] == "tool_result"]
        if {block["tool_use_id"] for block in results} != open_calls or len(results) != len(open_calls):
            raise Unfit(_MISMATCH)
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
        blocks.sort(key=lambda block: role == "user" and block["type"] != "tool_result")
        yield {"role": role, "content": _content(blocks)}


def _content(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A single text is its own content."""
    return str(blocks[0]["text"]) if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _call_ids(messages: Sequence[Message]) -> dict[Place, str]:
    """An id for each call that the API accepts: its own, or a new one."""
    ids: dict[Place, str] = {}
    for number, message in enumerate(messages):
        for index, part in enumerate(message.parts):
            if isinstance(part, Call):
                own = (
                    part.id if part.id is not None and _ID.fullmatch(part.id) and part.id not in ids.values() else None
                )
                ids[number, index] = own or f"toolu_{len(ids) + 1}"
    return ids


def _blocks(
    part: Part, place: Place, ids: Mapping[Place, str], answered: Mapping[Place, Place]
) -> Iterator[dict[str, Any]]:
    match part:
        case Text(text):
            # The API refuses blocks of white space.
            if text.strip():
                yield {"type": "text", "text": text}
        case Thought(sealed=str() as sealed, form="anthropic_messages"):
            yield {"type": "redacted_thinking", "data": sealed}
        case Thought(text, signature=str() as signature, form="anthropic_messages"):
            yield {"type": "thinking", "thinking": text, "signature": signature}
        case Call(name, arguments):
            if not isinstance(arguments, dict):
                raise Unfit("the arguments of a call are not an object")
            yield {"type": "tool_use", "id": ids[place], "name": name, "input": arguments}
        case Result():
            if place not in answered:
                raise Unfit(_MISMATCH)
            yield _result(part, ids[answered[place]])
        case Media():
            yield _medium(part)
        case Other(kind, value):
            if as_dict(value).get("type") != kind or not _OF_THE_API.fullmatch(kind):
                raise Unfit(f"a part that is not text ({kind})")
            yield as_dict(value)


def _result(result: Result, id_: str) -> dict[str, Any]:
    content = as_json_text(result.content)
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": id_, "content": content}
    if result.media:
        text: Iterable[dict[str, Any]] = [{"type": "text", "text": content}] if content else []
        block["content"] = [*text, *map(_medium, result.media)]
    if result.is_error:
        block["is_error"] = True
    return block


def _medium(media: Media) -> dict[str, Any]:
    """An image or a PDF. Files that another API keeps are not to be had by their address."""
    kind = "document" if media.kind == _PDF else "image"
    if media.base64 is not None:
        if media.kind not in _IMAGES | {_PDF}:
            raise Unfit(f"media that Claude does not read ({media.kind or 'of an unknown type'})")
        source = {"type": "base64", "media_type": media.kind, "data": media.standard_base64}
    elif media.uri is not None and media.uri.startswith("https://") and media.kind in {*_IMAGES, _PDF, "image/*"}:
        source = {"type": "url", "url": media.uri}
    else:
        raise Unfit("media that are not in the conversation")
    return {"type": kind, "source": source}


FORMAT: Final = Format(
    "anthropic-messages", "messages and tools in Anthropic's format, with signed thinking", ".jsonl",
    "application/jsonl", write, trains=True,
)  # fmt: skip
