"""Whole sessions with the Live API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Message, Parsed
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE
from gemtap.interaction import NO_TOKENS, Preview
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS
from tests.unit.providers.exchanges import make_exchange

LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX_LIVE = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
SETUP = {"setup": {"model": "models/gemini-live-2.5", "generationConfig": {"responseModalities": ["AUDIO"]}}}
ASKED = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Why?"}]}], "turnComplete": True}}


def session(*messages: tuple[str, Any], path: str = LIVE, provider: ExchangeParser | None = None) -> Parsed:
    """One of these messages, one each millisecond."""
    exchange = make_exchange(method="GET", path=path, status=101, content_type=None)
    sent = [
        Message("client" if side == "client" else "server", 1000 * number, json.dumps(value).encode(), value)
        for number, (side, value) in enumerate(messages, start=1)
    ]
    return (provider or PROVIDERS["gemini"]).parse(replace(exchange, messages=sent))


def answer(**content: Any) -> tuple[str, Any]:
    return "server", {"serverContent": content}


def test_a_session() -> None:
    """All fields of a session are read."""
    usage = {"promptTokenCount": 7, "responseTokenCount": 3, "totalTokenCount": 10}
    parsed = session(
        ("client", SETUP),
        ("server", {"setupComplete": {}}),
        ("client", ASKED),
        ("server", {"usageMetadata": {"promptTokenCount": 7}}),
        answer(modelTurn={"parts": [{"text": "Rayleigh."}]}),
        ("server", {"serverContent": {"turnComplete": True, "turnCompleteReason": "STOP"}, "usageMetadata": usage}),
        ("server", {"goAway": {"timeLeft": "1s"}}),
    )
    assert parsed == Parsed(
        operation="bidiGenerateContent",
        model="gemini-live-2.5",
        streaming=True,
        generation_settings={"responseModalities": ["AUDIO"]},
        usage_metadata=usage,
        tokens={**NO_TOKENS, "input": 7, "output": 3, "total": 10},
        finish_reason="STOP",
        accumulated={
            "turns": [
                {"role": "user", "parts": [{"text": "Why?"}], "turnComplete": True},
                {
                    "role": "model",
                    "parts": [{"text": "Rayleigh."}],
                    "turnComplete": True,
                    "turnCompleteReason": "STOP",
                },
            ]
        },
        first_token_at=5000,
    )


def preview(parsed: Parsed) -> Preview:
    conversation = GEMINI_LIVE.conversation(parsed.operation, None, parsed.accumulated)
    assert conversation is not None
    return preview_of(conversation)


def test_what_was_spoken_is_previewed_in_words() -> None:
    """The preview of speech shows its transcription."""
    audio = {"mimeType": "audio/pcm", "data": "AAAA"}
    parsed = session(
        ("client", {"realtimeInput": {"audio": audio}}),
        answer(inputTranscription={"text": "Why?"}),
        answer(modelTurn={"parts": [{"inlineData": audio}]}, outputTranscription={"text": "Rayleigh."}),
    )
    assert preview(parsed) == {"prompt": "Why?", "answer": "Rayleigh."}
    silent = session(("client", {"realtimeInput": {"audio": audio}}))
    assert preview(silent) == {"prompt": "[audio/pcm]", "answer": None}


def test_vertex_has_the_same_sessions() -> None:
    """Sessions of Vertex AI are read the same way."""
    model = "projects/p/locations/l/publishers/google/models/gemini-live-2.5"
    parsed = session(("client", {"setup": {"model": model}}), path=VERTEX_LIVE, provider=PROVIDERS["vertex"])
    assert (parsed.operation, parsed.model, parsed.streaming) == ("bidiGenerateContent", "gemini-live-2.5", True)


def test_the_constrained_form_has_its_own_name() -> None:
    """The constrained session has its own operation."""
    assert session(path=f"{LIVE}Constrained").operation == "bidiGenerateContentConstrained"


@pytest.mark.parametrize("messages", [(), (("client", None), ("server", None))])
def test_a_session_without_a_word(messages: Any) -> None:
    """A session without turns is read without an error."""
    assert session(*messages) == Parsed(operation="bidiGenerateContent", streaming=True, accumulated={"turns": []})


def test_an_error_that_was_sent_is_an_error() -> None:
    """An error message is the error of the exchange."""
    error = {"code": 400, "message": "no such model"}
    assert session(("server", {"error": error})).error == {"message": "no such model", "details": error}


def test_a_handshake_that_was_refused_is_no_session() -> None:
    """A refused handshake is read as a plain response."""
    refused = {"error": {"code": 401, "message": "API key not valid."}}
    parsed = PROVIDERS["gemini"].parse(make_exchange(method="GET", path=LIVE, status=401, response=refused))
    assert (parsed.operation, parsed.streaming, parsed.accumulated) == ("bidiGenerateContent", False, None)
    assert parsed.error is not None
    assert parsed.error["message"] == "API key not valid."
