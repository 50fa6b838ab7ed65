"""Chat messages with tools, as OpenAI's fine-tuning, vLLM, TRL, Axolotl and Unsloth read them.

Format: https://platform.openai.com/docs/guides/supervised-fine-tuning and the messages of
https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from gemtap.conversation.canonical import Place, call_ids, paired
from gemtap.conversation.model import Call, Conversation, Media, Message, Other, Result, Text
from gemtap.dialects.openai_chat.write import tool_definition
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.training import Example, Unfit, lines
from gemtap.json_access import as_json_text
from gemtap.stores.base import Store

# https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
MAX_TOOLS: Final = 128
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_MEDIA: Final = "media, for which messages of text have no place"


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One example per line."""
    async for piece in lines(store, wanted, report, to_example):
        yield piece


def to_example(conversation: Conversation, tokens: int | None) -> Example:
    """The line of a conversation, without thoughts, which the format cannot hold. Raises Unfit."""
    messages = to_messages(conversation)
    example: Example = {"messages": messages}
    if conversation.tools:
        example["tools"] = [tool_definition(tool) for tool in conversation.tools]
    fault = fault_of(example)
    if fault is not None:
        raise Unfit(fault)
    return example


def to_messages(conversation: Conversation) -> list[dict[str, Any]]:
    """The messages, each with text or null as its content. Raises Unfit."""
    messages: list[dict[str, Any]] = []
    if conversation.system is not None:
        messages.append({"role": "system", "content": conversation.system})
    ids = call_ids(conversation.messages)
    answered = paired(conversation.messages)
    for number, message in enumerate(conversation.messages):
        match message.role:
            case "tool":
                for index, part in enumerate(message.parts):
                    if isinstance(part, Result):
                        if part.media:
                            raise Unfit(_MEDIA)
                        call = answered.get((number, index))
                        if call is None:
                            raise Unfit("function calls and their results do not match")
                        content = as_json_text(part.content)
                        messages.append({"role": "tool", "tool_call_id": ids[call], "content": content})
            case "model":
                said = _assistant(number, message, ids)
                if said is not None:
                    messages.append(said)
            case _:
                messages.append({"role": "user", "content": _text(message)})
    return messages


def fault_of(example: Mapping[str, Any]) -> str | None:
    """Why a reader would reject an example, or None if it is valid."""
    messages, tools = example["messages"], example.get("tools", [])
    if messages[-1]["role"] != "assistant":
        return "it does not end with the model"
    if not any(message["role"] == "user" for message in messages):
        return "no prompt of a user"
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "function calls and their results do not match"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return "function calls and their results do not match"
        else:
            open_calls = {call["id"] for call in message.get("tool_calls", [])}
    if len(tools) > MAX_TOOLS:
        return f"over {MAX_TOOLS} tools"
    names = [tool["function"]["name"] for tool in tools]
    names += [call["function"]["name"] for message in messages for call in message.get("tool_calls", [])]
    if not all(_NAME.fullmatch(name) for name in names):
        return "a tool's name has more than letters, digits, _ and -"
    return None


def _assistant(number: int, message: Message, ids: Mapping[Place, str]) -> dict[str, Any] | None:
    text = _text(message)
    made = [
        {
            "id": ids[number, index],
            "type": "function",
            "function": {"name": part.name, "arguments": as_json_text(part.arguments)},
        }
        for index, part in enumerate(message.parts)
        if isinstance(part, Call)
    ]
    if not text and not made:
        return None  # only thoughts
    said: dict[str, Any] = {"role": "assistant", "content": text or None}
    if made:
        said["tool_calls"] = made
    return said


def _text(message: Message) -> str:
    for part in message.parts:
        match part:
            case Media():
                raise Unfit(_MEDIA)
            case Other():
                raise Unfit(f"a part that is not text ({part.kind})")
    return "".join(part.text for part in message.parts if isinstance(part, Text))


FORMAT: Final = Format(
    "openai-chat", "messages and tools for OpenAI, vLLM, TRL, Axolotl, Unsloth", ".jsonl", "application/jsonl", write,
    trains=True,
)  # fmt: skip
