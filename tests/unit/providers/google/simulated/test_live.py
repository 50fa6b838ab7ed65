"""Sessions of the Live API."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gemtap.providers.google.simulated.live import LiveSession
from gemtap.simulation.script import Close, Disconnect, Pause, Script, Send, Stall
from tests.unit.providers.google.simulated.asking import WEATHER

MODEL = "models/gemini-2.5-flash-live"
TEXT = {"responseModalities": ["TEXT"]}


def said(script: Script) -> list[Any]:
    return [json.loads(step.piece) for step in script if isinstance(step, Send)]


def tell(session: LiveSession, **message: Any) -> Script:
    return session.receive(json.dumps(message).encode())


def begun(pace: float = 0.0, **setup: Any) -> LiveSession:
    session = LiveSession("key", "v1beta", pace)
    assert said(tell(session, setup={"model": MODEL, "generationConfig": TEXT, **setup})) == [{"setupComplete": {}}]
    return session


def turn(text: str, complete: bool = True) -> Any:
    return {"turns": [{"role": "user", "parts": [{"text": text}]}], "turnComplete": complete}


def text_of(messages: list[Any]) -> str:
    turns = [message["serverContent"].get("modelTurn", {"parts": []}) for message in messages]
    return "".join(part.get("text", "") for each in turns for part in each["parts"])


def test_a_turn_is_answered_and_ends_with_its_usage() -> None:
    """A turn ends with its usage."""
    messages = said(tell(begun(), clientContent=turn("Why is the sky blue?")))
    assert text_of(messages)
    assert messages[-2] == {"serverContent": {"generationComplete": True}}
    assert messages[-1]["serverContent"] == {"turnComplete": True}
    usage = messages[-1]["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]
    assert "candidatesTokenCount" not in usage


def test_a_turn_is_answered_when_it_is_complete() -> None:
    """Only a complete turn is answered."""
    session = begun()
    assert tell(session, clientContent=turn("Why", complete=False)) == []
    both = said(tell(session, clientContent=turn("is the sky blue?")))
    alone = said(tell(begun(), clientContent=turn("is the sky blue?")))
    assert both[-1]["usageMetadata"]["promptTokenCount"] == alone[-1]["usageMetadata"]["promptTokenCount"] + 1


def test_names_may_be_in_snake_case() -> None:
    """Members may be in snake case."""
    message = {"turns": turn("Hello")["turns"], "turn_complete": True}
    assert text_of(said(tell(begun(), client_content=message)))


def test_a_declared_tool_is_called_and_its_result_spoken_about() -> None:
    """A declared tool is called, and its result is used."""
    session = begun(tools=[{"functionDeclarations": [WEATHER]}])
    (message,) = said(tell(session, clientContent=turn("Weather?")))
    (call,) = message["toolCall"]["functionCalls"]
    assert call["name"] == "weather"
    assert call["id"]
    assert message["usageMetadata"]["responseTokenCount"] > 0
    response = {"id": call["id"], "name": "weather", "response": {"result": "hail"}}
    messages = said(tell(session, toolResponse={"functionResponses": [response]}))
    assert "hail" in text_of(messages)
    assert messages[-1]["serverContent"] == {"turnComplete": True}


def test_sound_with_its_transcription() -> None:
    """Audio answers have a transcription."""
    session = begun(generationConfig={"responseModalities": ["AUDIO"]}, outputAudioTranscription={})
    messages = said(tell(session, clientContent=turn("Hello")))
    data = messages[0]["serverContent"]["modelTurn"]["parts"][0]["inlineData"]
    assert data["mimeType"] == "audio/pcm;rate=24000"
    assert len(base64.b64decode(data["data"])) == 2_400
    transcription = "".join(each["serverContent"].get("outputTranscription", {"text": ""})["text"] for each in messages)
    assert "“Hello”" in transcription


def test_sound_and_text_as_they_happen() -> None:
    """Realtime audio and text are answered."""
    session = begun()
    assert tell(session, realtimeInput={"audio": {"mimeType": "audio/pcm", "data": "AAAA"}}) == []
    assert text_of(said(tell(session, realtimeInput={"audioStreamEnd": True})))
    assert text_of(said(tell(session, realtimeInput={"text": "Hello"})))


def test_messages_come_at_the_pace() -> None:
    """Messages come at the configured rate."""
    script = tell(begun(pace=0.5), clientContent=turn("Hello"))
    assert [step.seconds for step in script if isinstance(step, Pause)] == [0.5] * len(said(script))


@pytest.mark.parametrize(
    ("setup", "code", "reason"),
    [
        ({"model": "models/gpt-4o"}, 1008, "models/gpt-4o is not found"),
        ({"model": "models/error-400"}, 1007, "Request contains an invalid argument."),
        ({"model": "models/error-429"}, 1008, "You exceeded your current quota"),
    ],
)
def test_a_setup_that_is_refused_closes_the_session(setup: Any, code: int, reason: str) -> None:
    """A refused setup closes the session."""
    (close,) = tell(LiveSession("key", "v1beta", 0.0), setup=setup)
    assert isinstance(close, Close)
    assert close.code == code
    assert close.reason.startswith(reason)
    assert len(close.reason.encode()) <= 123


@pytest.mark.parametrize("message", [b"no json", b'{"clientContent": {}}', b"[]"])
def test_a_session_begins_with_its_setup(message: bytes) -> None:
    """A session begins with a setup."""
    (close,) = LiveSession("key", "v1beta", 0.0).receive(message)
    assert isinstance(close, Close)
    assert close.code == 1007


def test_an_unknown_message_closes_the_session() -> None:
    """An unknown message closes the session."""
    (close,) = tell(begun(), dance={})
    assert close == Close(1007, "Unknown message: dance.")


@pytest.mark.parametrize(("model", "ending"), [("fault-disconnect", Disconnect()), ("fault-stall", Stall())])
def test_faults_in_the_middle_of_a_turn(model: str, ending: object) -> None:
    """Faults may happen within a turn."""
    script = tell(begun(model=f"models/{model}"), clientContent=turn("Hello"))
    assert len(said(script)) == 2
    assert script[-1] == ending
