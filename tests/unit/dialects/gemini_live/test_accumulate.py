"""The turns that the messages of a Live session amount to."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gemtap.dialects.base import Message
from gemtap.dialects.gemini_live.accumulate import accumulate, has_content


def client(value: Any) -> Message:
    return Message("client", 0, "", value)


def server(value: Any) -> Message:
    return Message("server", 0, b"", value)


def says(*parts: Any, **fields: Any) -> Message:
    return server({"serverContent": {**({"modelTurn": {"parts": list(parts)}} if parts else {}), **fields}})


def blob(size: int, kind: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    return {"mimeType": kind, "data": base64.b64encode(bytes(size)).decode()}


def asks(*turns: Any, **fields: Any) -> Message:
    return client({"clientContent": {"turns": list(turns), **fields}})


def speaks(**fields: Any) -> Message:
    return client({"realtimeInput": fields})


WHY = {"role": "user", "parts": [{"text": "Why?"}]}
DONE = says(turnComplete=True)


def test_a_conversation_in_text() -> None:
    """Text messages become turns of the user and the model."""
    turns = accumulate(
        [
            client({"setup": {"model": "models/m"}}),
            server({"setupComplete": {}}),
            asks(WHY, turnComplete=True),
            says({"text": "Ray"}),
            says({"text": "leigh."}),
            says(generationComplete=True),
            server({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 9}}),
            asks({"parts": [{"text": "And at night?"}]}, turnComplete=True),
            says({"text": "No sun."}, turnComplete=True),
        ]
    )
    assert turns == [
        {**WHY, "turnComplete": True},
        {"role": "model", "parts": [{"text": "Rayleigh."}], "generationComplete": True, "turnComplete": True},
        {"role": "user", "parts": [{"text": "And at night?"}], "turnComplete": True},
        {"role": "model", "parts": [{"text": "No sun."}], "turnComplete": True},
    ]


def test_a_history_is_several_turns() -> None:
    """As they were sent, in either spelling of the names."""
    history = [WHY, {"role": "model", "parts": [{"text": "So."}]}, {"role": "user", "parts": [{"text": "Ah."}]}]
    sent = [
        client({"client_content": {"turns": history, "turn_complete": False}}),
        asks(turnComplete=True),
    ]
    assert accumulate(sent) == [*history[:2], {**history[2], "turnComplete": True}]


def test_texts_of_a_user_stay_apart_and_thoughts_apart_from_answers() -> None:
    """Separate texts and thoughts stay separate parts."""
    two = {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
    assert accumulate([asks(two)]) == [two]
    (turn,) = accumulate([says({"text": "H", "thought": True}), says({"text": "m", "thought": True}, {"text": "So."})])
    assert turn["parts"] == [{"text": "Hm", "thought": True}, {"text": "So."}]


def test_of_audio_its_type_and_its_whole_size_are_told() -> None:
    """Audio becomes one part with its type and total size."""
    audio, other = {"inlineData": blob(1000)}, {"inlineData": blob(7, "audio/mp3")}
    (turn,) = accumulate([says(audio), says(audio, other), says({"text": "!"}), says(audio)])
    kind = "audio/pcm;rate=24000"
    assert turn["parts"] == [
        {"inlineData": {"mimeType": kind, "bytes": 2000}},
        {"inlineData": {"mimeType": "audio/mp3", "bytes": 7}},
        {"text": "!"},
        {"inlineData": {"mimeType": kind, "bytes": 1000}},
    ]


def test_what_stands_beside_data_stays() -> None:
    """Other members of media are kept."""
    part = {"inlineData": blob(10), "thoughtSignature": "s"}
    (turn,) = accumulate([says({"inlineData": blob(5)}, part, {"inlineData": blob(5)})])
    assert [each["inlineData"]["bytes"] for each in turn["parts"]] == [5, 10, 5]
    assert turn["parts"][1]["thoughtSignature"] == "s"


@pytest.mark.parametrize(
    "sent",
    [
        {"realtimeInput": {"audio": blob(30, "audio/pcm")}},
        {"realtimeInput": {"mediaChunks": [blob(10, "audio/pcm"), blob(20, "audio/pcm")]}},
        {"realtime_input": {"media_chunks": [{"mime_type": "audio/pcm", "data": blob(30)["data"]}]}},
    ],
)
def test_speech_is_one_turn_with_its_transcription(sent: Any) -> None:
    """Speech and its transcription form one turn."""
    turns = accumulate(
        [
            client({"realtimeInput": {"activityStart": {}}}),
            client(sent),
            client(sent),
            says(inputTranscription={"text": "Wh"}),
            says({"inlineData": blob(100)}, outputTranscription={"text": "Ray"}),
            says(inputTranscription={"text": "y?", "finished": True}),
            client(sent),
            says(outputTranscription={"text": "leigh."}),
            DONE,
            client(sent),
        ]
    )
    speech = {"mimeType": "audio/pcm", "bytes": 90}
    assert turns == [
        {
            "role": "user",
            "parts": [{"inlineData": speech}],
            "inputTranscription": {"text": "Why?", "finished": True},
        },
        {
            "role": "model",
            "parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "bytes": 100}}],
            "outputTranscription": {"text": "Rayleigh."},
            "turnComplete": True,
        },
        {"role": "user", "parts": [{"inlineData": {**speech, "bytes": 30}}]},
    ]


def test_speech_and_video_are_parts_of_one_turn() -> None:
    """Speech and video are parts of one turn."""
    (turn,) = accumulate(
        [speaks(audio=blob(10, "audio/pcm")), speaks(video=blob(5, "image/jpeg")), speaks(text="See?")]
    )
    assert [*map(list, turn["parts"])] == [["inlineData"], ["inlineData"], ["text"]]


def test_a_transcription_alone_is_a_turn_of_the_user() -> None:
    """A transcription without audio is a turn of the user."""
    assert accumulate([says(inputTranscription={"text": "Why?"})]) == [
        {"role": "user", "parts": [], "inputTranscription": {"text": "Why?"}}
    ]


def test_text_while_the_model_speaks_is_a_new_turn() -> None:
    """Text during the model's speech begins a new turn."""
    turns = accumulate([speaks(text="Why?"), says({"text": "Be"}), speaks(text="Stop!"), says(interrupted=True)])
    assert turns == [
        {"role": "user", "parts": [{"text": "Why?"}]},
        {"role": "model", "parts": [{"text": "Be"}], "interrupted": True},
        {"role": "user", "parts": [{"text": "Stop!"}]},
    ]


def test_what_was_interrupted_does_not_go_on() -> None:
    """An interrupted turn does not continue."""
    turns = accumulate([says({"text": "a"}), says(interrupted=True), says({"text": "b"}), DONE])
    assert [(turn["parts"][0]["text"], turn.get("interrupted")) for turn in turns] == [("a", True), ("b", None)]


@pytest.mark.parametrize("names", [("toolResponse", "functionResponses"), ("tool_response", "function_responses")])
def test_calls_and_their_responses_are_turns(names: tuple[str, str]) -> None:
    """Calls and their responses are turns."""
    calls = [{"id": "1", "name": "f", "args": {}}, {"id": "2", "name": "g", "args": {}}]
    responses = [{"id": each["id"], "name": each["name"], "response": {}} for each in calls]
    turns = accumulate(
        [
            asks(WHY),
            says({"text": "Let me look."}),
            server({"toolCall": {"functionCalls": calls}}),
            client({names[0]: {names[1]: responses}}),
            says({"text": "So."}, turnComplete=True),
        ]
    )
    assert turns == [
        WHY,
        {"role": "model", "parts": [{"text": "Let me look."}, *({"functionCall": each} for each in calls)]},
        {"role": "user", "parts": [{"functionResponse": each} for each in responses]},
        {"role": "model", "parts": [{"text": "So."}], "turnComplete": True},
    ]


def test_what_is_said_of_a_turn_stands_beside_it_and_cannot_be_taken_for_it() -> None:
    """Metadata is stored beside the parts of a turn."""
    said = {"groundingMetadata": {"a": 1}, "role": "x", "parts": "y", "turnCompleteReason": None}
    (turn,) = accumulate([says({"text": "a"}, **said), says(groundingMetadata=None)])
    assert turn == {
        "role": "model",
        "parts": [{"text": "a"}],
        "groundingMetadata": {"a": 1},
        "turnCompleteReason": None,
    }


def test_what_begins_no_turn_is_none() -> None:
    """Messages without content begin no turn."""
    marks = [speaks(activityStart={}), speaks(audioStreamEnd=True), speaks(audio=None)]
    assert accumulate([DONE, asks(turnComplete=True), *marks, server({"goAway": {}}), server(None)]) == []


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (says({"text": "a"}), True),
        (says(outputTranscription={"text": "a"}), True),
        (server({"toolCall": {"functionCalls": [{}]}}), True),
        (DONE, False),
        (says(inputTranscription={"text": "a"}), False),
        (server({"setupComplete": {}}), False),
        (server([1]), False),
    ],
)
def test_answers_and_calls_are_content(message: Message, content: bool) -> None:
    """Text, media and calls count as content."""
    assert has_content(message.json) is content
