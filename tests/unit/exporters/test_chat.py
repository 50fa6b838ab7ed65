"""Chat messages and ShareGPT."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from gemtap.interaction import Json
from gemtap.stores.base import Store
from tests.unit.exporters.exported import TOOL_USE, call, export, lines_of, model, result, turn, user

pytestmark = pytest.mark.anyio

PARAMETERS = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": ["integer", "null"]}},
    "required": ["path"],
    "additionalProperties": False,
}
FUNCTION = {"name": "read_file", "description": "Reads a file.", "parameters": PARAMETERS}


async def test_messages_with_tools(store: Store) -> None:
    """Messages with tools are exported."""
    await store.put([turn(*TOOL_USE)])
    content, _ = await export("openai-chat", store)
    made = {"name": "read_file", "arguments": '{"path": "a.py"}'}
    assert lines_of(content) == [
        {
            "messages": [
                {"role": "system", "content": "You edit code."},
                {"role": "user", "content": "What is in a.py?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "call_1", "type": "function", "function": made}],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": '{"output": "print(1)"}'},
                {"role": "assistant", "content": "It prints 1."},
            ],
            "tools": [{"type": "function", "function": FUNCTION}],
        }
    ]


async def test_results_find_their_calls_by_name_and_order(store: Store) -> None:
    """Results are matched to calls by name and order."""
    await store.put(
        [turn(user("Look."), model(call("a"), call("b")), user(result("1"), result("2")), model("One and two."))]
    )
    content, _ = await export("openai-chat", store)
    messages = lines_of(content)[0]["messages"]
    assert [made["id"] for made in messages[2]["tool_calls"]] == ["call_1", "call_2"]
    assert [(each["tool_call_id"], json.loads(each["content"])["output"]) for each in messages[3:5]] == [
        ("call_1", "1"),
        ("call_2", "2"),
    ]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ((user("Look."), model(call("a")), user("So?"), model("Ho")), "function calls and their results do not match"),
        ((user("Hi"), user(result("1")), model("Ho")), "function calls and their results do not match"),
        ((user({"inlineData": {"data": "AA"}}), model("Ho")), "media, for which messages of text have no place"),
        ((model("Ho"), model("Ho")), "no prompt of a user"),
        (
            (user("Hi"), model({"functionCall": {"name": "default_api:f", "args": {}}})),
            "a tool's name has more than letters, digits, _ and -",
        ),
        ((user("Hi"), model({"text": "Hm.", "thought": True})), "it does not end with the model"),
    ],
)
@pytest.mark.parametrize("name", ["openai-chat", "sharegpt"])
async def test_what_readers_would_refuse_is_left_out(
    store: Store, name: str, contents: Iterable[Json], reason: str
) -> None:
    """Examples that readers would reject are omitted."""
    await store.put([turn(*contents)])
    content, report = await export(name, store)
    assert content == b""
    assert report.left_out == {reason: 1}


async def test_sharegpt_has_calls_in_turns_of_their_own(store: Store) -> None:
    """ShareGPT has separate turns for calls."""
    await store.put([turn(*TOOL_USE)])
    content, _ = await export("sharegpt", store)
    (line,) = lines_of(content)
    assert line["conversations"] == [
        {"from": "system", "value": "You edit code."},
        {"from": "human", "value": "What is in a.py?"},
        {"from": "function_call", "value": '{"name": "read_file", "arguments": {"path": "a.py"}}'},
        {"from": "observation", "value": '{"output": "print(1)"}'},
        {"from": "gpt", "value": "It prints 1."},
    ]
    assert json.loads(line["tools"]) == [FUNCTION]
