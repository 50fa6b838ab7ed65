"""Mistral's conversations: what is put in and out, their streams, and the threads that they make."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Grounding,
    Media,
    Message,
    Other,
    Result,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.interaction import NO_TOKENS
from gemtap.providers.mistral.conversations import MISTRAL_CONVERSATIONS, accumulate
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.fingerprint import fingerprint_of
from tests.unit.providers.exchanges import SSE, events, make_exchange

MISTRAL = PROVIDERS["mistral"]
PATH = "/v1/conversations"
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 30, "connector_tokens": 5}
ASKED: dict[str, Any] = {
    "model": "mistral-medium-latest",
    "instructions": "Be brief.",
    "inputs": "Who won in Paris?",
    "tools": [
        {"type": "web_search", "size": "small"},
        {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}},
    ],
    "completion_args": {"temperature": 0.5},
    "store": True,
    "stream": True,
}
REFERENCE = {"type": "tool_reference", "tool": "web_search", "title": "A", "url": "https://a.example"}
SEARCH = {"object": "entry", "type": "tool.execution", "id": "t_1", "name": "web_search", "arguments": '{"q": "Paris"}'}
SAID = {
    "object": "entry",
    "type": "message.output",
    "id": "msg_1",
    "model": "mistral-medium-2508",
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Let me "}, {"type": "text", "text": "see."}]},
        {"type": "text", "text": "Ada won"},
        REFERENCE,
        {"type": "text", "text": "."},
    ],
}
CALL = {"object": "entry", "type": "function.call", "tool_call_id": "c_1", "name": "look", "arguments": '{"at": 1}'}
RESPONSE = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [SEARCH, SAID, CALL],
    "usage": USAGE,
}


def piece(index: int, content: Any) -> dict[str, Any]:
    """A piece of the message."""
    named = {name: SAID[name] for name in ("id", "model", "role")}
    return {"type": "message.output.delta", "output_index": index, "content_index": 0, **named, "content": content}


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


STREAM: tuple[dict[str, Any], ...] = (
    {"type": "conversation.response.started", "conversation_id": "conv_1"},
    {"type": "tool.execution.started", "output_index": 0, "id": "t_1", "name": "web_search", "arguments": ""},
    {"type": "tool.execution.delta", "output_index": 0, "id": "t_1", "name": "web_search", "arguments": '{"q": '},
    {"type": "tool.execution.delta", "output_index": 0, "id": "t_1", "name": "web_search", "arguments": '"Paris"}'},
    {"type": "tool.execution.done", "output_index": 0, "id": "t_1", "name": "web_search"},
    *(piece(1, content) for content in (thought("Let me "), thought("see."), "Ada ", "won", REFERENCE, ".")),
    {
        "type": "function.call.delta",
        "output_index": 2,
        "tool_call_id": "c_1",
        "name": "look",
        "arguments": '{"at":',
    },
    {"type": "function.call.delta", "output_index": 2, "tool_call_id": "c_1", "name": "look", "arguments": " 1}"},
    {"type": "conversation.response.done", "usage": USAGE},
)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (PATH, "mistral.conversations"),
        (f"{PATH}/conv_1", "mistral.conversations.append"),
        (f"{PATH}/conv_1/restart", "mistral.conversations.restart"),
    ],
)
def test_operations(path: str, operation: str) -> None:
    """The model answers in these; the others look something up."""
    assert MISTRAL.reader.operation("POST", path) == (operation, None)
    assert MISTRAL.reader.operation("GET", path)[0] != operation
    assert MISTRAL.reader.is_billed(operation)


def test_a_stream_is_the_response_without_streaming() -> None:
    """Arguments, thoughts, texts and references come in pieces."""
    assert accumulate(list(STREAM)) == RESPONSE
    texts = accumulate([piece(0, "Ada "), piece(0, "won.")])
    assert texts["outputs"][0]["content"] == "Ada won."
    exchange = make_exchange(path=PATH, request=ASKED, content_type=SSE, response=events(*STREAM))
    parsed = MISTRAL.parse(exchange)
    assert (parsed.accumulated, parsed.streaming, parsed.error) == (RESPONSE, True, None)
    assert (parsed.model, parsed.model_version) == ("mistral-medium-latest", "mistral-medium-2508")
    assert (parsed.generation_settings, parsed.finish_reason) == ({"temperature": 0.5}, "completed")
    assert parsed.usage_metadata == USAGE
    assert parsed.tokens == {**NO_TOKENS, "input": 20, "output": 5, "tool_use": 5, "total": 30}
    first = exchange.response_raw[: parsed.first_token_end]
    assert first.count(b"tool.execution.delta") == 1


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ({"type": "conversation.response.error", "message": "Too long", "code": 400}, "Too long"),
        (piece(0, "Ada"), "the stream ended without conversation.response.done"),
    ],
)
def test_a_stream_that_fails_says_why(last: dict[str, Any], message: str) -> None:
    """As an event, or by its end."""
    parsed = MISTRAL.parse(make_exchange(path=PATH, request=ASKED, content_type=SSE, response=events(STREAM[0], last)))
    assert parsed.error is not None
    assert (parsed.error["message"], parsed.finish_reason) == (message, None)


def test_an_error_has_no_object_around_it() -> None:
    """As those of chats."""
    response = {"object": "error", "message": "No such model", "code": 1500}
    parsed = MISTRAL.parse(make_exchange(path=PATH, request=ASKED, status=400, response=response))
    assert parsed.error is not None
    assert parsed.error["message"] == "No such model"


def test_a_conversation_has_what_is_put_in_and_out() -> None:
    """Entries of all kinds, tools of the client and of the API."""
    found = MISTRAL_CONVERSATIONS.conversation("mistral.conversations", ASKED, RESPONSE)
    assert found is not None
    assert (found.system, found.prompt) == ("Be brief.", (Message("user", (Text("Who won in Paris?"),)),))
    assert found.answer is not None
    assert found.answer.parts == (
        Other("tool.execution", SEARCH),
        Thought("Let me see."),
        Text("Ada won"),
        Text("."),
        Grounding((), (Source("web", "A", "https://a.example"),)),
        Call("look", {"at": 1}, "c_1"),
    )
    assert found.tools == (Tool("look", "Look.", {"type": "object"}),)
    assert found.built_in == (BuiltInTool("web_search", {"size": "small"}),)
    picture = {"type": "image_url", "image_url": "https://a.example/a.png"}
    inputs = [
        {"type": "function.result", "tool_call_id": "c_1", "result": '{"seen": 2}'},
        {"role": "user", "content": [{"type": "text", "text": "This?"}, picture]},
        {"type": "message.output", "role": "assistant", "content": "Yes."},
    ]
    found = MISTRAL_CONVERSATIONS.conversation("mistral.conversations.append", {"inputs": inputs}, None)
    assert found is not None
    assert found.prompt == (
        Message("tool", (Result({"seen": 2}, None, "c_1"),)),
        Message("user", (Text("This?"), Media("image/*", uri="https://a.example/a.png"))),
        Message("model", (Text("Yes."),)),
    )


def test_the_turns_of_a_conversation_find_one_another() -> None:
    """By its id, which the response has; a turn has only what is new."""
    read = MISTRAL_CONVERSATIONS.conversation
    first = fingerprint_of(read("mistral.conversations", ASKED, RESPONSE))
    turns = [fingerprint_of(read("mistral.conversations.append", {"inputs": text}, RESPONSE)) for text in "ab"]
    assert first is not None
    assert not set(first.links) & {link for link, _ in first.sought}
    for before, turn in zip((first, *turns), turns, strict=False):
        assert before is not None
        assert turn is not None
        assert set(before.links) & {link for link, _ in turn.sought}
