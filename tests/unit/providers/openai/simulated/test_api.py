"""The simulated API answers as the real one: streams add up to what is sent without streaming."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.dialects.openai_chat.accumulate import accumulate as chat_of
from gemtap.dialects.openai_responses.accumulate import accumulate as response_of
from gemtap.dialects.stream_chunks import read_chunks
from gemtap.providers.openai.simulated.api import OpenAISimulation
from gemtap.simulation.base import Session
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Disconnect, Script, Send, Stall

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}},
    {"type": "custom", "custom": {"name": "patch"}},
]
TOOLS = [{"type": "function", "name": "weather", "parameters": PARAMETERS}, {"type": "custom", "name": "patch"}]
ASK = "Call weather and patch for Paris."


def ask(api: OpenAISimulation, path: str, body: Any = None, method: str = "POST") -> Script:
    raw = b"" if body is None else json.dumps(body).encode()
    return api.respond(ReceivedRequest(method, f"/v1{path}", [(b"Authorization", b"Bearer x")], raw, len(raw)))


def value(script: Script) -> Any:
    begin, send = script
    assert isinstance(begin, Begin)
    assert isinstance(send, Send)
    assert begin.length == len(send.piece)
    return json.loads(send.piece)


def events(script: Script) -> list[Any]:
    raw = b"".join(step.piece for step in script if isinstance(step, Send))
    return [chunk.value for chunk in read_chunks(raw)]


@pytest.mark.parametrize("text", ["Why is the sky blue?", ASK])
def test_a_streamed_chat_adds_up_to_the_whole_one(text: str) -> None:
    """Text, calls of functions and of custom tools, and usage."""
    body = {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": text}],
        "tools": CHAT_TOOLS if text == ASK else [],
        "n": 2,
    }
    api = OpenAISimulation()
    whole = value(ask(api, "/chat/completions", body))
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = chat_of(events(ask(api, "/chat/completions", {**body, **options})))
    for choice in whole["choices"]:
        del choice["message"]["annotations"]
    assert streamed == whole
    assert len(whole["choices"]) == 2
    calls = whole["choices"][0]["message"].get("tool_calls", [])
    assert [call["type"] for call in calls] == (["function", "custom"] if text == ASK else [])


@pytest.mark.parametrize("text", ["Why is the sky blue?", ASK])
def test_the_pieces_of_a_streamed_response_add_up_to_it(text: str) -> None:
    """Without the last event, which has all of it."""
    body = {"model": "gpt-5", "input": text, "tools": TOOLS if text == ASK else [], "reasoning": {"summary": "auto"}}
    api = OpenAISimulation()
    whole = value(ask(api, "/responses", body))
    pieces = [
        event
        for event in events(ask(api, "/responses", {**body, "stream": True}))
        if not event["type"].endswith((".done", ".completed"))
    ]
    assert response_of(pieces)["output"] == whole["output"]
    kinds = ["message"] if text != ASK else ["function_call", "custom_tool_call"]
    assert [item["type"] for item in whole["output"]] == ["reasoning", *kinds]


def test_a_response_goes_on_from_the_one_before() -> None:
    """Results of calls are answered with the conversation in memory."""
    api = OpenAISimulation()
    first = value(ask(api, "/responses", {"model": "gpt-5", "input": ASK, "tools": TOOLS}))
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"} for item in first["output"]
    ]
    body = {"model": "gpt-5", "input": results, "previous_response_id": first["id"]}
    second = value(ask(api, "/responses", body))
    assert "sunny" in second["output"][0]["content"][0]["text"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_a_response_in_the_background_is_looked_up() -> None:
    """It is queued first, then under way, and gone once it is deleted."""
    api = OpenAISimulation()
    queued = value(ask(api, "/responses", {"model": "gpt-5", "input": "Dig.", "background": True}))
    path = f"/responses/{queued['id']}"
    assert (queued["status"], queued["usage"]) == ("queued", None)
    assert [value(ask(api, path, method="GET"))["status"] for _ in range(3)] == ["in_progress", *["completed"] * 2]
    assert value(ask(api, path, method="DELETE"))["deleted"] is True
    assert value(ask(api, path, method="GET"))["error"]["type"] == "invalid_request_error"


def test_a_response_in_the_background_is_cancelled_or_followed() -> None:
    """One that has ended is not; a stream goes on after the last event that was seen."""
    api = OpenAISimulation()
    asked = {"model": "gpt-5", "input": "Dig.", "background": True}
    path = f"/responses/{value(ask(api, '/responses', asked))['id']}"
    assert value(ask(api, f"{path}/cancel"))["status"] == "cancelled"
    assert value(ask(api, path, method="GET"))["status"] == "cancelled"
    whole = events(ask(api, "/responses", {**asked, "input": "Dig deeper.", "stream": True}))
    path = f"/responses/{whole[-1]['response']['id']}"
    assert events(ask(api, f"{path}?stream=true&starting_after=2", method="GET")) == whole[3:]
    assert value(ask(api, f"{path}/cancel"))["status"] == "completed"
    assert value(ask(api, "/responses/none/cancel"))["error"]


def test_a_conversation_holds_what_is_said_in_it() -> None:
    """What it began with, what was added, and each response with its input."""
    api = OpenAISimulation()
    held = value(ask(api, "/conversations", {"items": [{"role": "user", "content": "I am Ada."}]}))["id"]
    path = f"/conversations/{held}"
    value(ask(api, f"{path}/items", {"items": [{"role": "user", "content": "I like tea."}]}))
    said = value(ask(api, "/responses", {"model": "gpt-5", "input": "Who am I?", "conversation": held}))
    items = value(ask(api, f"{path}/items", method="GET"))["data"]
    assert [item["content"][0]["text"] for item in items] == [
        *("I am Ada.", "I like tea.", "Who am I?"),
        said["output"][0]["content"][0]["text"],
    ]
    assert value(ask(api, path, method="GET"))["id"] == held
    assert value(ask(api, path, method="DELETE"))["deleted"] is True
    assert value(ask(api, f"{path}/items", method="GET"))["error"]


def test_a_batch_answers_the_lines_of_its_file() -> None:
    """After two look-ups; one that is cancelled has no answers."""
    api = OpenAISimulation()
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Why?"}]}
    lines = [{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}]
    lines.append({**lines[0], "custom_id": "b", "body": {"model": "error-429"}})
    form = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in (
            (b"purpose", b"batch"),
            (b'file"; filename="a.jsonl', b"\n".join(json.dumps(line).encode() for line in lines)),
        )
    )
    headers = [(b"Authorization", b"Bearer x"), (b"Content-Type", b"multipart/form-data; boundary=x")]
    uploaded = value(api.respond(ReceivedRequest("POST", "/v1/files", headers, form + b"--x--\r\n")))
    assert (uploaded["purpose"], uploaded["filename"]) == ("batch", "a.jsonl")
    asked = {"input_file_id": uploaded["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    ids = [value(ask(api, "/batches", asked))["id"] for _ in range(2)]
    assert [value(ask(api, f"/batches/{ids[0]}", method="GET"))["status"] for _ in range(2)] == [
        *("in_progress", "completed")
    ]
    assert value(ask(api, f"/batches/{ids[1]}/cancel"))["status"] == "cancelling"
    done, cancelled = value(ask(api, "/batches", method="GET"))["data"][::-1]
    assert (cancelled["status"], cancelled["output_file_id"]) == ("cancelling", None)
    _, sent = ask(api, f"/files/{done['output_file_id']}/content", method="GET")
    assert isinstance(sent, Send)
    results = [json.loads(line) for line in sent.piece.splitlines()]
    assert [result["response"]["status_code"] for result in results] == [200, 429]
    assert results[0]["response"]["body"] == value(ask(api, "/chat/completions", body))
    assert value(ask(api, "/batches", {"input_file_id": "none"}))["error"]


@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_faults(path: str) -> None:
    """The model's name selects how a stream fails."""
    api = OpenAISimulation()

    def failing(model: str) -> Script:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "input": "Hi", "stream": True}
        return ask(api, path, body)

    assert value(failing("error-429"))["error"]["code"] == "rate_limit_exceeded"
    assert "error" in events(failing("fault-midstream-error"))[-1]
    assert failing("fault-disconnect")[-1] == Disconnect()
    assert failing("fault-stall")[-1] == Stall()
    assert len(events(failing("fault-no-finish"))) < len(events(failing("gpt-5")))


def test_structured_output_matches_its_schema() -> None:
    """In both APIs."""
    api = OpenAISimulation()
    chat = {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": "Where?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": PARAMETERS}},
    }
    text = {"format": {"type": "json_schema", "name": "place", "schema": PARAMETERS}}
    response = value(ask(api, "/responses", {"model": "gpt-5", "input": "Where?", "text": text}))
    for said in (
        value(ask(api, "/chat/completions", chat))["choices"][0]["message"]["content"],
        response["output"][0]["content"][0]["text"],
    ):
        assert isinstance(json.loads(said)["city"], str)


def test_without_a_key_nothing_is_answered() -> None:
    """As at the real API."""
    script = OpenAISimulation().respond(ReceivedRequest("GET", "/v1/models", []))
    assert isinstance(script[0], Begin)
    assert script[0].status == 401


def test_a_realtime_session() -> None:
    """A written message gets a spoken answer with its usage; an unknown event an error."""
    api = OpenAISimulation()
    session = api.open_session(ReceivedRequest("GET", "/v1/realtime?model=gpt-realtime", []))
    assert isinstance(session, Session)

    def send(kind: str, **fields: Any) -> list[Any]:
        script = session.receive(json.dumps({"type": kind, **fields}).encode())
        return [json.loads(step.piece) for step in script if isinstance(step, Send)]

    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Why?"}]}
    assert [event["type"] for event in send("conversation.item.create", item=item)] == ["conversation.item.added"]
    answered = send("response.create")
    assert answered[-1]["type"] == "response.done"
    assert answered[-1]["response"]["usage"]["output_token_details"]["audio_tokens"] > 0
    assert send("nonsense")[0]["error"]["type"] == "invalid_request_error"
