"""ShareGPT: `conversations` of `from` and `value`, with tools as LLaMA-Factory has them.

https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md#sharegpt-format
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from gemtap.conversation.model import Conversation
from gemtap.exporters import openai_chat
from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.training import Example, Unfit, lines
from gemtap.json_access import json_or_text
from gemtap.stores.base import Store

_FROM: Final = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_MODEL: Final = ("gpt", "function_call")


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """One example per line."""
    async for piece in lines(store, wanted, report, to_example):
        yield piece


def to_example(conversation: Conversation, tokens: int | None) -> Example:
    """The line of a conversation: its chat messages, where the model and what it hears take turns. Raises Unfit.

    LLaMA-Factory skips a conversation where they do not. So what a person says in a row is one turn, the results of
    several calls are a list, as the calls are, and the model cannot say something and call a tool in one go.
    """
    chat = openai_chat.to_example(conversation, tokens)
    turns: list[dict[str, str]] = []
    calls = (call["id"] for message in chat["messages"] for call in message.get("tool_calls", []))
    order = {id_: number for number, id_ in enumerate(calls)}
    for role, run in groupby(chat["messages"], lambda message: message["role"]):
        turns += _turns(role, sorted(run, key=lambda message: order.get(message.get("tool_call_id"), 0)))
    spoken = [turn["from"] in _MODEL for turn in turns if turn["from"] != "system"]
    if spoken != [bool(number % 2) for number in range(len(spoken))]:
        raise Unfit("user and model do not take turns")
    example: Example = {"conversations": turns}
    if conversation.tools:
        functions = [tool["function"] for tool in chat["tools"]]
        example["tools"] = json.dumps(functions, ensure_ascii=False)
    return example


def _turns(role: str, messages: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The turn of consecutive messages of one role."""
    said = [message["content"] for message in messages if message["content"] is not None]
    calls = [_call(call["function"]) for message in messages for call in message.get("tool_calls", [])]
    if calls and said:
        raise Unfit("text of the model next to a call")
    if role == "tool":
        shown = said[0] if len(said) == 1 else json.dumps([*map(json_or_text, said)], ensure_ascii=False)
        yield {"from": _FROM[role], "value": shown}
    elif calls:
        yield {
            "from": "function_call",
            "value": json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False),
        }
    else:
        yield {"from": _FROM[role], "value": "\n\n".join(said)}


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
