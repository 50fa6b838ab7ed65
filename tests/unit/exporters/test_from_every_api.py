"""Training data out of the conversations of every API: what each format demands of a line, and what was said in it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import jsonschema_rs
import pytest
from google.genai import types

from gemtap.stores.base import Store
from tests.unit.exporters.exported import export, lines_of
from tests.unit.exporters.talks import APIS, NOTHING, SCHEMA, Say, Talk

pytestmark = pytest.mark.anyio

WEATHER: Final = ("weather", SCHEMA)
CLOCK: Final = ("clock", NOTHING)

WORDS: Final = Talk((Say("Hi."), Say("Hello."), Say("Bye."), Say("See you.")), system="Be brief.")
CALLS: Final = Talk(
    (
        Say("What is it like in Rome and Oslo, and what time is it?"),
        Say(calls=(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}), ("clock", {}))),
        Say(results=("sunny", '{"sky": "grey"}', "12:00")),
        Say("Sunny, grey, noon."),
    ),
    tools=(WEATHER, CLOCK),
)
BESIDE: Final = Talk(
    (
        Say("And in Bern?"),
        Say("One moment.", calls=(("weather", {"city": "Bern"}),)),
        Say(results=("wet",)),
        Say("Wet."),
    ),
    tools=(WEATHER,),
)
ENCRYPTED: Final = Talk((Say("Why?"), Say("So.", encrypted="gAAA" * 400)))
PICTURE: Final = Talk((Say("What is this?", picture=True), Say("A sky.")))

CHAT: Final = jsonschema_rs.validator_for(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["messages"],
        "properties": {
            "messages": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/message"}},
            "tools": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tool"}},
        },
        "$defs": {
            "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
            "tool": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "function"],
                "properties": {
                    "type": {"const": "function"},
                    "function": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "parameters"],
                        "properties": {
                            "name": {"$ref": "#/$defs/name"},
                            "description": {"type": "string"},
                            "parameters": {
                                "type": "object",
                                "required": ["type", "properties"],
                                "properties": {"type": {"const": "object"}, "properties": {"type": "object"}},
                            },
                        },
                    },
                },
            },
            "call": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "type", "function"],
                "properties": {
                    "id": {"type": "string", "maxLength": 64},
                    "type": {"const": "function"},
                    "function": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "arguments"],
                        "properties": {"name": {"$ref": "#/$defs/name"}, "arguments": {"type": "string"}},
                    },
                },
            },
            "message": {
                "oneOf": [
                    {
                        "additionalProperties": False,
                        "required": ["role", "content"],
                        "properties": {
                            "role": {"enum": ["system", "user"]},
                            "content": {"type": "string", "minLength": 1},
                        },
                    },
                    {
                        "additionalProperties": False,
                        "required": ["role", "content"],
                        "properties": {
                            "role": {"const": "assistant"},
                            "content": {"type": ["string", "null"], "minLength": 1},
                            "tool_calls": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/call"}},
                        },
                    },
                    {
                        "additionalProperties": False,
                        "required": ["role", "content", "tool_call_id"],
                        "properties": {
                            "role": {"const": "tool"},
                            "content": {"type": "string"},
                            "tool_call_id": {"type": "string"},
                        },
                    },
                ]
            },
        },
    }
)
"""https://platform.openai.com/docs/guides/supervised-fine-tuning, and what requests with such messages look like."""


def check_chat(line: Any) -> list[str]:
    """What a line says, after it was held against OpenAI's format."""
    CHAT.validate(line)
    messages = line["messages"]
    assert messages[-1]["role"] == "assistant"
    calls = [call for message in messages for call in message.get("tool_calls", [])]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert answered == [call["id"] for call in calls]
    assert len(set(answered)) == len(answered)
    return [
        *(message["content"] for message in messages if message["content"]),
        *(f"{call['function']['name']} {json.loads(call['function']['arguments'])}" for call in calls),
    ]


def check_sharegpt(line: Any) -> list[str]:
    """The same of ShareGPT, as LLaMA-Factory checks it: else it skips the line with a warning."""
    assert line.keys() <= {"conversations", "tools"}
    turns = [turn for turn in line["conversations"] if turn["from"] != "system"]
    assert all(turn["from"] in ("human", "observation") for turn in turns[::2])
    assert all(turn["from"] in ("gpt", "function_call") for turn in turns[1::2])
    assert len(turns) % 2 == 0
    said = []
    for before, turn in pairwise([{}, *line["conversations"]]):
        assert turn["value"]
        if turn["from"] not in ("function_call", "observation"):
            said.append(turn["value"])
        elif turn["from"] == "function_call":
            calls = json.loads(turn["value"])
            said += [f"{call['name']} {call['arguments']}" for call in (calls if isinstance(calls, list) else [calls])]
        elif before["value"].startswith("["):
            said += [value if isinstance(value, str) else json.dumps(value) for value in json.loads(turn["value"])]
        else:
            said.append(turn["value"])
    for function in json.loads(line.get("tools", "[]")):
        assert function["parameters"]["type"] == "object"
    return said


ANTHROPIC: Final = jsonschema_rs.validator_for(
    {
        "additionalProperties": False,
        "required": ["messages"],
        "properties": {
            "system": {"type": "string"},
            "messages": {
                "items": {
                    "additionalProperties": False,
                    "required": ["role", "content"],
                    "properties": {
                        "role": {"enum": ["user", "assistant"]},
                        "content": {
                            "oneOf": [
                                {"type": "string", "pattern": "\\S"},
                                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/block"}},
                            ]
                        },
                    },
                }
            },
            "tools": {
                "items": {
                    "additionalProperties": False,
                    "required": ["name", "input_schema"],
                    "properties": {
                        "name": {"pattern": "^[a-zA-Z0-9_-]{1,128}$"},
                        "description": {"type": "string"},
                        "input_schema": {"required": ["type"], "properties": {"type": {"const": "object"}}},
                    },
                }
            },
        },
        "$defs": {
            "block": {
                "oneOf": [
                    {"required": ["text"], "properties": {"type": {"const": "text"}, "text": {"pattern": "\\S"}}},
                    {
                        "required": ["id", "name", "input"],
                        "properties": {
                            "type": {"const": "tool_use"},
                            "id": {"pattern": "^[a-zA-Z0-9_-]+$"},
                            "input": {"type": "object"},
                        },
                    },
                    {"required": ["tool_use_id"], "properties": {"type": {"const": "tool_result"}}},
                    {"required": ["source"], "properties": {"type": {"const": "image"}}},
                ]
            }
        },
    }
)
"""https://platform.claude.com/docs/en/api/messages."""


def check_anthropic(line: Any) -> list[str]:
    """The same of Anthropic's format: user and model take turns, and results follow their calls at once."""
    ANTHROPIC.validate(line)
    assert [each["role"] for each in line["messages"]] == ["user", "assistant"] * (len(line["messages"]) // 2)
    said = [line["system"]] if "system" in line else []
    open_calls: list[str] = []
    for message in line["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert [each["tool_use_id"] for each in blocks if each["type"] == "tool_result"] == open_calls
        open_calls = [each["id"] for each in blocks if each["type"] == "tool_use"]
        said += [each["text"] for each in blocks if each["type"] == "text"]
        said += [each["content"] for each in blocks if each["type"] == "tool_result"]
        said += [f"{each['name']} {each['input']}" for each in blocks if each["type"] == "tool_use"]
    return said


def check_gemini(line: Any) -> list[str]:
    """The same of Gemini's tuning, with the types of Google's SDK."""
    assert line.keys() <= {"systemInstruction", "contents", "tools"}
    contents = [types.Content.model_validate(content) for content in line["contents"]]
    assert [content.role for content in contents] == ["user", "model"] * (len(contents) // 2)
    system = line.get("systemInstruction", {"parts": []})
    said = [part["text"] for part in system["parts"]]
    for content in contents:
        for part in content.parts or []:
            if part.text:
                said.append(part.text)
            elif part.function_call is not None:
                said.append(f"{part.function_call.name} {part.function_call.args}")
            elif part.function_response is not None:
                response = part.function_response.response or {}
                only = next(iter(response.values())) if response.keys() & {"result", "output"} else response
                said.append(only if isinstance(only, str) else json.dumps(only))
            else:
                assert part.file_data is not None
                assert part.file_data.mime_type == "image/png"
    for tool in line.get("tools", []):
        for declared in map(types.FunctionDeclaration.model_validate, tool["functionDeclarations"]):
            if declared.parameters is not None:
                assert declared.parameters.type == types.Type.OBJECT
                assert declared.parameters.properties, "Google refuses objects without properties"
    return said


CHECKS: Final = {
    "openai-chat": check_chat,
    "sharegpt": check_sharegpt,
    "anthropic-messages": check_anthropic,
    "gemini-tuning": check_gemini,
}


def said_in(talk: Talk) -> list[str]:
    texts = [talk.system or "", *(say.text for say in talk.says)]
    results = [result for say in talk.says for result in say.results]
    calls = [f"{name} {given}" for say in talk.says for name, given in say.calls]
    return sorted(filter(None, [*texts, *results, *calls]))


def plain(said: list[str]) -> list[str]:
    """Gemini's clients put a result that is a text into an object, which is what the model saw."""
    found = []
    for each in said:
        value: Any = json.loads(each) if each.startswith("{") else each
        is_put = isinstance(value, dict) and value.keys() == {"output"}
        found.append(str(value["output"]) if is_put else each)
    return sorted(found)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("talk", [WORDS, CALLS], ids=["words", "calls"])
async def test_what_was_said_becomes_a_valid_line(store: Store, talk: Talk, name: str, api: str) -> None:
    """From every API in every format, without the thoughts: nothing is lost, and nothing added."""
    await store.put([APIS[api](talk)])
    content, report = await export(name, store)
    assert report.left_out == {}
    (line,) = lines_of(content)
    assert plain(CHECKS[name](line)) == said_in(talk)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", CHECKS)
async def test_words_beside_a_call(store: Store, name: str, api: str) -> None:
    """All formats have them but ShareGPT, which says so: LLaMA-Factory would skip the line."""
    await store.put([APIS[api](BESIDE)])
    content, report = await export(name, store)
    if name == "sharegpt":
        assert (content, report.left_out) == (b"", {"text of the model next to a call": 1})
    else:
        (line,) = lines_of(content)
        assert plain(CHECKS[name](line)) == said_in(BESIDE)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", CHECKS)
async def test_pictures_stay_where_a_format_has_a_place_for_them(store: Store, name: str, api: str) -> None:
    """At a public address in Anthropic's and Gemini's formats, inline in Anthropic's. The others name the reason."""
    await store.put([APIS[api](PICTURE)])
    content, report = await export(name, store)
    inline = api == "ollama"
    reasons = {
        "gemini-tuning": "media that are neither in Cloud Storage nor on the web" if inline else None,
        "anthropic-messages": None,
        "openai-chat": "media, for which messages of text have no place",
        "sharegpt": "media, for which messages of text have no place",
    }
    if (reason := reasons[name]) is not None:
        assert (content, report.left_out) == (b"", {reason: 1})
    else:
        (line,) = lines_of(content)
        assert plain(CHECKS[name](line)) == said_in(PICTURE)


CUSTOM: Final = {"type": "custom", "name": "patch", "description": "Edits.", "format": {"type": "text"}}
CUSTOM_TALK: Final = (
    {"role": "user", "content": "Edit."},
    {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
)


@pytest.mark.parametrize("name", CHECKS)
async def test_a_tool_that_takes_a_text_is_one_with_an_argument(store: Store, name: str) -> None:
    """As Codex has for patches. Other APIs have no such tools, and the schema of a text is none of arguments."""
    record = APIS["openai responses"](WORDS)
    request = {"model": "gpt-5", "input": CUSTOM_TALK, "tools": [CUSTOM]}
    record.document["request"]["body"] = request
    record = type(record)(record.document, json.dumps(request).encode(), record.response_raw, accumulated=False)
    await store.put([record])
    content, report = await export(name, store)
    assert report.left_out == {}
    (line,) = lines_of(content)
    said = CHECKS[name](line)
    assert "patch {'input': '*** Begin'}" in said
    assert "Done." in said
    assert '"input"' in content.decode().replace("\\", "")


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ("9lives", "a tool's name that Google does not take"),
        ("-x", "a tool's name that Google does not take"),
    ],
)
async def test_names_that_google_does_not_take(store: Store, tool: str, reason: str) -> None:
    """OpenAI's names may begin with a digit or a dash."""
    await store.put([APIS["openai chat"](Talk(WORDS.says, tools=((tool, SCHEMA),)))])
    content, report = await export("gemini-tuning", store)
    assert (content, report.left_out) == (b"", {reason: 1})


async def test_what_a_person_says_in_a_row_is_one_turn(store: Store) -> None:
    """ShareGPT's readers want turns to alternate."""
    record = APIS["openai chat"](WORDS)
    request = {"model": "gpt-5", "messages": [{"role": "user", "content": text} for text in ("One.", "Two.")]}
    record.document["request"]["body"] = request
    record = type(record)(record.document, json.dumps(request).encode(), record.response_raw, accumulated=False)
    await store.put([record])
    (line,) = lines_of((await export("sharegpt", store))[0])
    assert check_sharegpt(line) == ["One.\n\nTwo.", "See you."]


ENCRYPTING: Final = ("openai responses", "anthropic", "gemini")


@pytest.mark.parametrize("api", ENCRYPTING)
@pytest.mark.parametrize("name", ["markdown", "html"])
async def test_encrypted_thinking_is_one_line_for_people(store: Store, api: str, name: str) -> None:
    """How much there is of it, in the place of its words."""
    record = APIS[api](ENCRYPTED)
    await store.put([record])
    content, _ = await export(name, store, one=record.document["_id"])
    assert content.decode().count("Thinking (encrypted, 1,600 bytes)") == 1
    assert "gAAA" not in content.decode()


@pytest.mark.parametrize("api", ENCRYPTING)
@pytest.mark.parametrize("name", CHECKS)
async def test_encrypted_thinking_is_no_training_data(store: Store, api: str, name: str) -> None:
    """Only Anthropic's own format has a place for it, and only for Anthropic's own."""
    await store.put([APIS[api](ENCRYPTED)])
    content, report = await export(name, store)
    assert report.written["train"] == 1, report.left_out
    assert (b"gAAA" in content) == (name == "anthropic-messages" and api == "anthropic")


@pytest.mark.parametrize("api", ENCRYPTING)
async def test_an_answer_of_encrypted_thinking_alone_is_none(store: Store, api: str) -> None:
    """There is nothing to learn from it."""
    await store.put([APIS[api](Talk((Say("Why?"), Say(encrypted="gAAA"))))])
    content, report = await export("anthropic-messages", store)
    assert (content, report.left_out) == (b"", {"it does not end with the model": 1})
