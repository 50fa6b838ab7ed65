"""The tools that exchanges use, read by the dialect of each API."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.interaction import ToolUse
from gemtap.providers.documents import find_dialect
from gemtap.recorder.tool_use import tool_use_of


def used(provider: str, operation: str, request: Any, response: Any) -> ToolUse | None:
    dialect = find_dialect(provider, operation, is_session=False)
    assert dialect is not None
    conversation = dialect.conversation(operation, request, response)
    assert conversation is not None
    return tool_use_of(conversation)


def anthropic(*blocks: Any, answer: Any = ()) -> ToolUse | None:
    called = [
        {"type": "tool_use", "id": "1", "name": "old", "input": {}},
        {"type": "tool_use", "id": "2", "name": "bash", "input": {}},
    ]
    request = {
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": [called[0]]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "old"}]},
            {"role": "assistant", "content": [called[1]]},
            {"role": "user", "content": list(blocks)},
        ]
    }
    return used("anthropic", "messages.create", request, {"role": "assistant", "content": list(answer)})


def test_only_new_calls_and_results_are_counted() -> None:
    """What the client sends again is not; results get their names from the calls with their ids."""
    result = {"type": "tool_result", "tool_use_id": "2", "content": "done"}
    call = {"type": "tool_use", "id": "3", "name": "bash", "input": {}}
    assert anthropic(result, {**result, "is_error": True}, answer=[call, call]) == {
        "calls": [{"name": "bash", "times": 2}],
        "results": [{"name": "bash", "times": 2, "failed": 1}],
    }
    unknown = {"type": "tool_result", "tool_use_id": "9", "content": "?"}
    assert anthropic(unknown) == {"calls": [], "results": [{"name": None, "times": 1, "failed": 0}]}


def test_without_tools_there_is_nothing() -> None:
    """An exchange without new calls and results has no tool use."""
    assert anthropic({"type": "text", "text": "Well?"}, answer=[{"type": "text", "text": "Well."}]) is None


@pytest.mark.parametrize(
    ("response", "failed"), [({"output": "x"}, 0), ({"error": "no such file"}, 1), ({"error": None}, 0), ({}, 0)]
)
def test_gemini_marks_a_failure_by_an_error_in_the_response(response: Any, failed: int) -> None:
    """A function response with `error` is a failure."""
    request = {
        "contents": [
            {"role": "user", "parts": [{"text": "Go."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "ls", "response": response}}]},
        ]
    }
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "cat"}}]}}]}
    assert used("gemini", "generateContent", request, answer) == {
        "calls": [{"name": "cat", "times": 1}],
        "results": [{"name": "ls", "times": 1, "failed": failed}],
    }


def test_the_interactions_api_has_a_marker() -> None:
    """A function result has `is_error`."""
    step = {"type": "function_result", "call_id": "1", "name": "ls", "result": "x", "is_error": True}
    found = used("gemini", "interactions.create", {"input": [step], "previous_interaction_id": "v1"}, {"steps": []})
    assert found == {"calls": [], "results": [{"name": "ls", "times": 1, "failed": 1}]}


def test_openai_has_no_marker() -> None:
    """Whether a tool failed is unknown, not 0."""
    call = {"id": "1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    request = {
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "Error: no such file"},
        ]
    }
    answer = {"choices": [{"message": {"role": "assistant", "content": "Hm."}}]}
    assert used("openai", "chat.completions", request, answer) == {
        "calls": [],
        "results": [{"name": "ls", "times": 1, "failed": None}],
    }


def test_long_lists_and_names_are_cut() -> None:
    """The field is part of an index."""
    blocks = [{"type": "tool_use", "id": str(n), "name": f"{n} " + "x" * 5000, "input": {}} for n in range(500)]
    found = anthropic(answer=blocks)
    assert found is not None
    assert len(found["calls"]) == 100
    assert max(len(each["name"] or "") for each in found["calls"]) == 100
