"""The simulated API of Mistral: its streams add up to what it answers without streaming."""

from __future__ import annotations

import json
from typing import Any

from gemtap.dialects.openai_chat.accumulate import accumulate as chat_of
from gemtap.dialects.stream_chunks import read_chunks
from gemtap.providers.mistral.conversations import accumulate
from gemtap.providers.mistral.demo import MistralSimulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Script, Send

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
ASKED = {"model": "mistral-medium-latest", "inputs": "Call weather.", "tools": TOOLS}


def ask(api: MistralSimulation, path: str, body: Any, key: bytes = b"Bearer x") -> Script:
    raw = json.dumps(body).encode()
    headers = [(b"authorization", key)] if key else []
    request = ReceivedRequest("POST", f"/v1/{path}", headers, raw, len(raw))
    assert api.knows(request)
    return api.respond(request)


def raw_of(script: Script) -> bytes:
    return b"".join(step.piece for step in script if isinstance(step, Send))


def value(script: Script) -> Any:
    return json.loads(raw_of(script))


def events(script: Script) -> list[Any]:
    return [chunk.value for chunk in read_chunks(raw_of(script))]


def test_a_streamed_conversation_adds_up_to_the_whole_one() -> None:
    """Calls, and texts after their results; a conversation goes on by its id."""
    api, streaming = MistralSimulation(), MistralSimulation()
    whole = value(ask(api, "conversations", ASKED))
    assert accumulate(events(ask(streaming, "conversations", {**ASKED, "stream": True}))) == whole
    (call,) = whole["outputs"]
    result = {"inputs": [{"type": "function.result", "tool_call_id": call["tool_call_id"], "result": "sunny"}]}
    path = f"conversations/{whole['conversation_id']}"
    further = value(ask(api, path, result))
    assert accumulate(events(ask(streaming, path, {**result, "stream": True}))) == further
    assert "sunny" in further["outputs"][0]["content"]
    assert further["usage"]["prompt_tokens"] > whole["usage"]["prompt_tokens"]
    assert value(ask(api, "conversations/none", result))["object"] == "error"


def test_agents_and_gaps_answer_as_chats_do() -> None:
    """With and without streaming."""
    api = MistralSimulation()
    for path, body in (
        ("agents/completions", {"agent_id": "ag_1", "messages": [{"role": "user", "content": "Why?"}]}),
        ("fim/completions", {"model": "codestral-latest", "prompt": "def f(", "suffix": "return x"}),
    ):
        whole = value(ask(api, path, body))
        streamed = chat_of(events(ask(api, path, {**body, "stream": True})))
        said = [each["choices"][0]["message"]["content"] for each in (whole, streamed)]
        assert said[0] == said[1] != ""
        assert streamed["usage"] == whole["usage"]


def test_errors_have_no_object_around_them() -> None:
    """By the model's name, and without a key; OpenAI's paths are there too."""
    api = MistralSimulation()
    for script, status in (
        (ask(api, "conversations", {**ASKED, "model": "error-429"}), 429),
        (ask(api, "conversations", ASKED, key=b""), 401),
    ):
        begun = script[0]
        assert isinstance(begun, Begin)
        assert (begun.status, value(script)["object"]) == (status, "error")
    chat = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": "Why?"}]}
    assert value(ask(api, "chat/completions", chat))["choices"]
