"""Mistral: its own operations, its errors, and thoughts among the content."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.conversation.model import Text, Thought
from gemtap.providers.registry import PROVIDERS
from tests.unit.providers.exchanges import SSE, events, make_exchange

MISTRAL = PROVIDERS["mistral"]


def thinking(text: str) -> dict[str, Any]:
    """A piece of thoughts, as the API has it."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/fim/completions", "mistral.fim.completions"),
        ("POST", "/v1/agents/completions", "mistral.agents.completions"),
        ("POST", "/v1/ocr", "mistral.ocr"),
        ("POST", "/v1/conversations", "mistral.conversations"),
        ("POST", "/v1/chat/completions", "openai.chat.completions"),
        ("POST", "/v1/embeddings", "openai.embeddings"),
    ],
)
def test_operations(method: str, path: str, operation: str) -> None:
    """Its own, and OpenAI's."""
    assert MISTRAL.reader.operation(method, path) == (operation, None)


def test_a_gap_in_code_is_a_conversation() -> None:
    """What stands before and after it is asked, also where the answer is a stream."""
    request = {"model": "codestral-latest", "prompt": "def f(", "suffix": "return x", "stream": True}
    chunks = [
        {"model": "codestral-2508", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": end}]}
        for text, end in (("x", None), ("):", "stop"))
    ]
    parsed = MISTRAL.parse(
        make_exchange(path="/v1/fim/completions", request=request, content_type=SSE, response=events(*chunks))
    )
    assert (parsed.operation, parsed.model, parsed.finish_reason) == (
        "mistral.fim.completions",
        "codestral-latest",
        "stop",
    )
    dialect = MISTRAL.reader.dialect(parsed.operation, is_session=False)
    assert dialect is not None
    found = dialect.conversation(parsed.operation, request, parsed.accumulated)
    assert found is not None
    assert [message.parts for message in found.messages] == [(Text("def f("), Text("return x")), (Text("x):"),)]


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_stand_among_the_content(streamed: bool) -> None:
    """Magistral sends a list in which both have a type; its streams send pieces of that list."""
    pieces: list[Any] = [[thinking("Let me ")], [thinking("see.")], [{"type": "text", "text": "It "}], "rains."]
    whole = [thinking("Let me see."), {"type": "text", "text": "It rains."}]
    request = {"model": "magistral-medium-latest", "messages": [{"role": "user", "content": "Weather?"}]}
    if streamed:
        chunks: list[Any] = [
            {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces
        ]
        chunks.append({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
        exchange = make_exchange(
            path="/v1/chat/completions", request=request, content_type=SSE, response=events(*chunks)
        )
        response: Any = MISTRAL.parse(exchange).accumulated
        message = response["choices"][0]["message"]
        texts = [each.get("text") or "".join(part["text"] for part in each["thinking"]) for each in message["content"]]
        assert texts == ["Let me see.", "It rains."]
    else:
        response = {"choices": [{"message": {"role": "assistant", "content": whole}, "finish_reason": "stop"}]}
    dialect = MISTRAL.reader.dialect("openai.chat.completions", is_session=False)
    assert dialect is not None
    found = dialect.conversation("openai.chat.completions", request, response)
    assert found is not None
    assert found.answer is not None
    assert found.answer.parts == (Thought("Let me see."), Text("It rains."))


def test_errors_have_no_object_around_them() -> None:
    """Both of the API and of Gemtap."""
    _, body = MISTRAL.wire.error(401, "UNAUTHENTICATED", "No key.")
    parsed = MISTRAL.parse(make_exchange(path="/v1/chat/completions", status=401, response=json.loads(body)))
    assert parsed.error is not None
    assert parsed.error["message"] == "No key."
