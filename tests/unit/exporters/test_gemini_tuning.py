"""Lines for the supervised tuning of Gemini, read by Google's own types and held against the published rules.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from google.genai import types

from gemtap.exporters import gemini_tuning
from gemtap.exporters.base import Report
from gemtap.interaction import Json
from gemtap.stores.base import Store
from tests.unit.exporters.exported import TOOL_USE, call, export, lines_of, model, result, turn, user

pytestmark = pytest.mark.anyio


def check(content: bytes) -> list[Mapping[str, Any]]:
    """The examples of a file that Google would take. Its types forbid fields that they do not know."""
    examples = lines_of(content)
    for example in examples:
        assert example.keys() <= {"systemInstruction", "contents", "tools"}
        contents = [types.Content.model_validate(each) for each in example["contents"]]
        assert contents[0].role == "user"
        assert contents[-1].role == "model"
        for one, following in pairwise(contents):
            assert {one.role, following.role} == {"user", "model"}
        assert all(each.parts for each in contents)
        for each in example.get("tools", []):
            tool = types.Tool.model_validate(each)
            assert tool.function_declarations
        if "systemInstruction" in example:
            assert types.Content.model_validate(example["systemInstruction"]).parts
    return examples


async def test_a_conversation_with_tools(store: Store) -> None:
    """A conversation with tools is exported."""
    await store.put([turn(*TOOL_USE)])
    content, _ = await export("gemini-tuning", store)
    assert check(content) == [
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "You edit code."}]},
            "contents": [
                user("What is in a.py?"),
                model(call("a.py")),
                user(result("print(1)")),
                model("It prints 1."),
            ],
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "read_file",
                            "description": "Reads a file.",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {
                                    "path": {"type": "STRING"},
                                    "lines": {"type": "INTEGER", "nullable": True},
                                },
                                "required": ["path"],
                            },
                        }
                    ]
                }
            ],
        }
    ]


async def test_what_one_side_says_in_several_goes_is_one_content(store: Store) -> None:
    """Consecutive messages of one side are merged."""
    await store.put([turn(user("One."), user("Two."), model("Three."))])
    content, _ = await export("gemini-tuning", store)
    assert check(content)[0]["contents"] == [user("One.", "Two."), model("Three.")]


async def test_results_stand_beside_what_the_person_says_next(store: Store) -> None:
    """Tool results are merged with the next user message."""
    await store.put([turn(user("Look."), model(call("a")), user(result("1"), "And?"), model("One."))])
    content, _ = await export("gemini-tuning", store)
    assert check(content)[0]["contents"][2] == user(result("1"), "And?")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ((model("Ho"), user("Hi"), model("Ho")), "it does not begin with the user"),
        ((user("Hi"), model(call("a")), user("So?"), model("Ho")), "function calls and their results do not match"),
        ((user(result("1")), model("Ho")), "function calls and their results do not match"),
        ((user("Hi"), model({"text": "Hm.", "thought": True})), "it does not end with the model"),
        (
            (user({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}), model("Ho")),
            "media that are neither in Cloud Storage nor on the web",
        ),
        (
            (user({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}}), model("Ho")),
            "media that are neither in Cloud Storage nor on the web",
        ),
        (
            (user("Hi"), model({"executableCode": {"code": "1", "language": "PYTHON"}})),
            "a part that tuning does not take (executableCode)",
        ),
    ],
)
async def test_what_google_would_refuse_is_left_out(store: Store, contents: Iterable[Json], reason: str) -> None:
    """Examples that Google would reject are omitted."""
    await store.put([turn(*contents)])
    content, report = await export("gemini-tuning", store)
    assert content == b""
    assert report.left_out == {reason: 1}


async def test_media_that_the_tuning_job_can_read_stay(store: Store) -> None:
    """Supported media are kept."""
    media = {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}}
    await store.put([turn(user(media, "What is it?"), model("A cat."))])
    content, _ = await export("gemini-tuning", store)
    assert check(content)[0]["contents"][0] == user(media, "What is it?")


async def test_an_example_has_its_limit(store: Store) -> None:
    """An example over the token limit is omitted."""
    tokens = {"input": 131_072, "cached": None, "output": 1, "reasoning": 0, "tool_use": None, "total": 131_073}
    await store.put([turn(user("Hi"), model("Ho"), tokens=tokens)])
    _, report = await export("gemini-tuning", store)
    assert report.left_out == {"over 131,072 tokens": 1}


async def test_a_file_has_its_limits() -> None:
    """A file over its limits gets warnings."""
    report = Report()
    report.written["validation"] = gemini_tuning.MAX_VALIDATION_EXAMPLES + 1
    gemini_tuning.warn_of_limits(report, gemini_tuning.MAX_FILE + 1)
    assert report.warnings == [
        "5,001 examples in the validation file: Vertex AI takes 5,000. Narrow the export.",
        "1,000,000,001 bytes: Vertex AI takes 1,000,000,000. Narrow the export.",
    ]


async def test_chats_of_other_apis_can_be_trained_on_too(store: Store) -> None:
    """Chats of other APIs are exported."""
    request = {
        "messages": [
            {"role": "user", "content": "Look."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"at": "a"}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
        ]
    }
    response = {"choices": [{"message": {"role": "assistant", "content": "Nothing."}}]}
    record = turn(user(), model(), operation="openai.chat.completions", finish_reason="stop")
    record.document["request"]["body"] = request
    assert record.document["response"] is not None
    record.document["response"]["body"] = response
    await store.put([type(record)(record.document, json.dumps(request).encode(), json.dumps(response).encode(), False)])
    content, _ = await export("gemini-tuning", store)
    assert check(content)[0]["contents"] == [
        user("Look."),
        model({"functionCall": {"name": "look", "args": {"at": "a"}}}),
        user({"functionResponse": {"name": "look", "response": {"result": "nothing"}}}),
        model("Nothing."),
    ]


async def test_where_a_stream_was_cut_is_not_learnt(store: Store) -> None:
    """Clients give an answer back as the chunks that it came in; what a person says in parts stays as it is."""
    await store.put(
        [turn(user("One.", "Two."), model("I will ", "read it.", call("a.py")), user(result("x")), model("Yes"))]
    )
    (example,) = check((await export("gemini-tuning", store))[0])
    assert example["contents"][0]["parts"] == [{"text": "One."}, {"text": "Two."}]
    assert [part.get("text") for part in example["contents"][1]["parts"]] == ["I will read it.", None]
