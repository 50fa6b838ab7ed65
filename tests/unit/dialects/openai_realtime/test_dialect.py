"""Sessions with OpenAI's APIs over WebSockets."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from gemtap.conversation.model import Call, Conversation, Media, Message, Result, Text
from gemtap.dialects.base import Message as SessionMessage
from gemtap.dialects.base import Parsed
from gemtap.dialects.openai_realtime.dialect import OPENAI_REALTIME, OPENAI_RESPONSES_SESSION, OpenAIRealtime
from gemtap.interaction import NO_TOKENS
from gemtap.providers.registry import PROVIDERS
from tests.contract.openai_examples import OUTPUT, PIECES, RESPONSE
from tests.unit.providers.exchanges import make_exchange

Sent = tuple[str, dict[str, Any]]

PCM = "audio/pcm;rate=24000"
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime-2025-08-28",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}],
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": {"voice": "marin"}},
}
USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {
        "text_tokens": 8,
        "audio_tokens": 12,
        "cached_tokens": 4,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}


def b64(text: bytes) -> str:
    return base64.b64encode(text).decode()


def parse(*messages: Sent, path: str = "/v1/realtime", query: str = "model=gpt-realtime") -> Parsed:
    """The session of these messages, one each millisecond."""
    exchange = make_exchange(method="GET", path=path, status=101, content_type=None)
    sent = [
        SessionMessage("client" if side == "client" else "server", 1000 * number, json.dumps(value).encode(), value)
        for number, (side, value) in enumerate(messages, start=1)
    ]
    return PROVIDERS["openai"].parse(replace(exchange, messages=sent, query=query))


def bodies(parsed: Parsed, *messages: Sent) -> tuple[Any, Any]:
    """The bodies of the session's document."""
    sides = [
        {"messages": [{"at_ms": n, "data": value} for n, (side, value) in enumerate(messages) if side == wanted]}
        for wanted in ("client", "server")
    ]
    return sides[0], {**(parsed.accumulated or {}), **sides[1]}


def conversation(dialect: OpenAIRealtime, *messages: Sent, path: str = "/v1/realtime") -> Conversation:
    found = dialect.conversation("", *bodies(parse(*messages, path=path), *messages))
    assert found is not None
    return found


def server(kind: str, **fields: Any) -> Sent:
    return "server", {"type": kind, "event_id": "e", **fields}


def client(kind: str, **fields: Any) -> Sent:
    return "client", {"type": kind, **fields}


SPOKEN = (
    server("session.created", session=SESSION),
    client("input_audio_buffer.append", audio=b64(b"who")),
    client("input_audio_buffer.append", audio=b64(b"is it")),
    server("input_audio_buffer.committed", item_id="item_1"),
    server("response.created", response={"id": "resp_1", "status": "in_progress", "output": []}),
    server("conversation.item.input_audio_transcription.delta", item_id="item_1", delta="Who"),
    server(
        "response.output_item.added",
        response_id="resp_1",
        output_index=0,
        item={"id": "item_2", "type": "message", "role": "assistant", "content": []},
    ),
    server(
        "response.output_audio_transcript.delta",
        response_id="resp_1",
        item_id="item_2",
        output_index=0,
        content_index=0,
        delta="Me",
    ),
    server("response.output_audio.delta", response_id="resp_1", output_index=0, content_index=0, delta=b64(b"mee")),
    server("response.output_audio.delta", response_id="resp_1", output_index=0, content_index=0, delta=b64(b"eee")),
    server("conversation.item.input_audio_transcription.completed", item_id="item_1", transcript="Who is it?"),
)
"""A question and an answer, both spoken, without the last event."""
ANSWERED = {
    "id": "item_2",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_audio", "transcript": "Me."}],
}
DONE = server("response.done", response={"id": "resp_1", "status": "completed", "output": [ANSWERED], "usage": USAGE})


def test_a_spoken_session() -> None:
    """Model, settings, tokens and items are read."""
    parsed = parse(*SPOKEN, DONE)
    assert (parsed.operation, parsed.model, parsed.model_version) == (
        "openai.realtime",
        "gpt-realtime",
        "gpt-realtime-2025-08-28",
    )
    assert parsed.tokens == {**NO_TOKENS, "input": 20, "cached": 4, "output": 10, "total": 30}
    assert parsed.finish_reason == "completed"
    assert parsed.first_token_at == 8_000
    assert parsed.error is None
    assert parsed.accumulated == {
        "items": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "format": PCM, "bytes": 8, "transcript": "Who is it?"}],
            },
            {
                **ANSWERED,
                "content": [{"type": "output_audio", "transcript": "Me.", "format": PCM, "bytes": 6}],
            },
        ]
    }


def test_sound_is_priced_apart() -> None:
    """With what of it was cached."""
    assert OPENAI_REALTIME.priced_apart(parse(*SPOKEN, DONE).usage_metadata) == {
        "input_audio_tokens": 12,
        "output_audio_tokens": 7,
        "cache_audio_read_tokens": 0,
    }


def test_usage_is_that_of_all_responses() -> None:
    """Each response is billed with its whole context."""
    again = ("server", {**DONE[1], "response": {**DONE[1]["response"], "id": "resp_2"}})
    parsed = parse(*SPOKEN, DONE, again)
    assert parsed.tokens["total"] == 60
    assert parsed.usage_metadata["input_token_details"]["cached_tokens_details"] == {
        "text_tokens": 8,
        "audio_tokens": 0,
    }


def test_the_conversation_of_a_spoken_session() -> None:
    """Transcripts stand before their sound, which can be played."""
    found = conversation(OPENAI_REALTIME, *SPOKEN, DONE)
    assert found.system == "Be brief."
    assert [tool.name for tool in found.tools] == ["look"]
    assert found.is_session
    assert found.prompt == (
        Message("user", (Text("Who is it?"), Media(PCM))),
        Message("model", (Text("Me."), Media(PCM))),
    )
    request, response = bodies(parse(*SPOKEN, DONE), *SPOKEN, DONE)
    sounds = [OPENAI_REALTIME.session_medium(request, response, number) for number in range(3)]
    assert [sound and base64.b64decode(sound.base64 or "") for sound in sounds] == [b"whois it", b"meeeee", None]


def test_a_session_that_breaks_off_has_what_was_spoken() -> None:
    """The pieces of the transcript, and the sound so far."""
    found = conversation(OPENAI_REALTIME, *SPOKEN)
    assert found.prompt[-1] == Message("model", (Text("Me"), Media(PCM)))


def test_written_messages_calls_and_results() -> None:
    """Items of the client stand where it sent them."""
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look."}]}
    output = {"type": "function_call_output", "call_id": "c", "output": "A cat."}
    found = conversation(
        OPENAI_REALTIME,
        client("session.update", session=SESSION),
        client("conversation.item.create", item=asked),
        client("response.create"),
        server("response.done", response={"id": "r", "status": "completed", "output": [call], "usage": USAGE}),
        client("conversation.item.create", item=output),
    )
    assert found.prompt == (
        Message("user", (Text("Look."),)),
        Message("model", (Call("look", {}, "c"),)),
        Message("tool", (Result("A cat.", None, "c"),)),
    )


def test_an_error_of_a_session() -> None:
    """It stands in an event of its own."""
    parsed = parse(server("error", error={"type": "invalid_request_error", "message": "No such event."}))
    assert parsed.error is not None
    assert parsed.error["message"] == "No such event."


def test_sessions_without_items_have_stretches_of_each_side() -> None:
    """Live sessions and translations send transcripts and sound alone."""
    found = conversation(
        OPENAI_REALTIME,
        client("session.start", session={"model": "gpt-live-1", "instructions": "Be kind."}),
        client("session.input_audio.append", audio=b64(b"hello")),
        server("session.input_transcript.delta", delta="Hel"),
        server("session.input_transcript.delta", delta="lo."),
        server("session.output_transcript.delta", delta="Good day."),
        server("session.output_audio.delta", delta=b64(b"gd")),
        path="/v1/live/sessions",
    )
    assert found.system == "Be kind."
    assert found.prompt == (
        Message("user", (Text("Hello."), Media(PCM))),
        Message("model", (Text("Good day."), Media(PCM))),
    )


def test_responses_over_a_websocket() -> None:
    """Each request and its response are turns of one session; usage is that of all."""
    ask = client("response.create", model="gpt-5", input="Why is the sky blue?")
    stream = [("server", event) for event in PIECES]
    done = server("response.completed", response=RESPONSE)
    messages = (ask, *stream, done, client("response.create", model="gpt-5", input="And the sea?"), *stream, done)
    parsed = parse(*messages, path="/v1/responses")
    assert (parsed.operation, parsed.model, parsed.finish_reason) == ("openai.responses", "gpt-5", "completed")
    assert parsed.tokens["total"] == 42
    assert [each["output"] for each in (parsed.accumulated or {})["responses"]] == [OUTPUT, OUTPUT]
    found = conversation(OPENAI_RESPONSES_SESSION, *messages, path="/v1/responses")
    assert [message.role for message in found.prompt] == ["user", "model", "user", "model"]


def test_an_error_of_responses_over_a_websocket() -> None:
    """It has its message beside its type, or in an error."""
    for event in ({"code": "x", "message": "Too much."}, {"error": {"message": "Too much."}}):
        parsed = parse(server("error", **event), path="/v1/responses")
        assert parsed.error is not None
        assert parsed.error["message"] == "Too much."


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/responses", "/v1/live/sessions"])
@pytest.mark.parametrize(
    "odd", [None, 1, [], {}, {"type": 1}, {"session": 1}, {"item": 1}, {"response": 1}, {"delta": {}}]
)
def test_messages_of_other_shapes_bring_nothing(path: str, odd: Any) -> None:
    """Whatever a message has in place of a value, reading raises nothing."""
    kinds = {value["type"] for _, value in (*SPOKEN, DONE)} | {"response.create", "conversation.item.create", "error"}
    messages: list[Any] = [(side, odd) for side in ("client", "server")]
    if isinstance(odd, dict):
        fields = {"output_index": 0, "content_index": 5, **odd}
        messages += [(side, {**fields, "type": kind}) for kind in sorted(kinds) for side in ("client", "server")]
    parsed = parse(*messages, path=path)
    for dialect in (OPENAI_REALTIME, OPENAI_RESPONSES_SESSION):
        dialect.conversation("", *bodies(parsed, *messages))
        dialect.session_medium(*bodies(parsed, *messages), 0)
