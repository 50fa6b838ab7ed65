"""ShareGPT: `conversations` of `from` and `value`, with tools as LLaMA-Factory has them.

https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md#sharegpt-format
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.exporters import openai_chat
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.training import Example, lines
from gemtap.stores.base import Store

_FROM: Final = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One example per line."""
    async for piece in lines(store, wanted, report, to_example):
        yield piece


def to_example(conversation: Conversation, tokens: int | None) -> Example:
    """The line of a conversation: its chat messages, with calls as separate turns. Raises Unfit."""
    chat = openai_chat.to_example(conversation, tokens)
    turns: list[dict[str, str]] = []
    for message in chat["messages"]:
        if message["content"] is not None:
            turns.append({"from": _FROM[message["role"]], "value": message["content"]})
        calls = [_call(call["function"]) for call in message.get("tool_calls", [])]
        if calls:
            shown = calls[0] if len(calls) == 1 else calls
            turns.append({"from": "function_call", "value": json.dumps(shown, ensure_ascii=False)})
    example: Example = {"conversations": turns}
    if conversation.tools:
        functions = [tool["function"] for tool in chat["tools"]]
        example["tools"] = json.dumps(functions, ensure_ascii=False)
    return example


def _call(function: dict[str, str]) -> dict[str, object]:
    try:
        arguments: object = json.loads(function["arguments"])
    except ValueError:
        arguments = function["arguments"]  # model output that is not valid JSON
    return {"name": function["name"], "arguments": arguments}


FORMAT: Final = Format(
    "sharegpt", "conversations as LLaMA-Factory, Axolotl and Unsloth read them", ".jsonl", "application/jsonl", write,
    trains=True,
)  # fmt: skip
