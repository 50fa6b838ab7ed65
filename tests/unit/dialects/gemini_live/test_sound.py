"""The sound of a session is put together from its messages."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gemtap.conversation.model import BuiltInTool, Grounding, Media, Message, Source, Text
from gemtap.dialects.base import Message as SessionMessage
from gemtap.dialects.gemini_live.accumulate import accumulate
from gemtap.dialects.gemini_live.dialect import GEMINI_LIVE

SPOKEN = "audio/pcm;rate=24000"
HEARD = "audio/pcm;rate=16000"


def blob(kind: str, content: bytes) -> dict[str, str]:
    return {"mimeType": kind, "data": base64.b64encode(content).decode()}


def said(content: bytes) -> tuple[str, Any]:
    return "server", {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob(SPOKEN, content)}]}}}


def heard(content: bytes) -> tuple[str, Any]:
    return "client", {"realtimeInput": {"audio": blob(HEARD, content)}}


DONE = ("server", {"serverContent": {"turnComplete": True, "outputTranscription": {"text": "Hello."}}})
SESSION = [
    ("client", {"setup": {"model": "models/live"}}),
    heard(b"ab"),
    heard(b"cdef"),
    said(b"\xfb\xff1"),
    said(b"2345"),
    DONE,
    heard(b"gh"),
    said(b"6"),
    DONE,
]


def bodies(messages: list[tuple[str, Any]]) -> tuple[Any, Any]:
    """The two bodies of the document of such a session."""
    sent = [
        SessionMessage("client" if side == "client" else "server", n, json.dumps(value), value)
        for n, (side, value) in enumerate(messages)
    ]
    by_side: dict[str, Any] = {
        side: [{"at_ms": n, "data": value} for n, (each, value) in enumerate(messages) if each == side]
        for side in ("client", "server")
    }
    return {"messages": by_side["client"]}, {"turns": accumulate(sent), "messages": by_side["server"]}


def test_each_turn_has_the_sound_that_came_in_it() -> None:
    """Whoever spoke, and in however many pieces; of what was transcribed too."""
    request, response = bodies(SESSION)
    conversation = GEMINI_LIVE.conversation("bidiGenerateContent", request, response)
    assert conversation is not None
    assert conversation.prompt == (
        Message("user", (Media(HEARD),)),
        Message("model", (Text("Hello."), Media(SPOKEN))),
        Message("user", (Media(HEARD),)),
        Message("model", (Text("Hello."), Media(SPOKEN))),
    )
    found = [GEMINI_LIVE.session_medium(request, response, number) for number in range(4)]
    contents = [each and (each.mime_type, base64.b64decode(each.base64 or "")) for each in found]
    assert contents == [(HEARD, b"abcdef"), (SPOKEN, b"\xfb\xff12345"), (HEARD, b"gh"), (SPOKEN, b"6")]
    assert GEMINI_LIVE.session_medium(request, response, 4) is None


@pytest.mark.parametrize("kept", [0, 2])
def test_sound_whose_messages_are_not_there_is_none(kept: int) -> None:
    """They may have been withheld, or cut off."""
    request, response = bodies(SESSION)
    response["messages"] = response["messages"][:kept]
    assert GEMINI_LIVE.session_medium(request, response, 3) is None
    assert GEMINI_LIVE.session_medium(None, None, 0) is None


def test_the_searches_of_a_turn_are_part_of_it() -> None:
    """They come beside its content."""
    grounding = {"webSearchQueries": ["why"], "groundingChunks": [{"web": {"uri": "https://a.example"}}]}
    messages = [
        ("client", {"setup": {"tools": {"googleSearch": {}}}}),
        ("client", {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Why?"}]}]}}),
        ("server", {"serverContent": {"modelTurn": {"parts": [{"text": "So."}]}, "groundingMetadata": grounding}}),
        ("server", {"serverContent": {"turnComplete": True}}),
    ]
    conversation = GEMINI_LIVE.conversation("bidiGenerateContent", *bodies(messages))
    assert conversation is not None
    sources = Grounding(("why",), (Source("web", None, "https://a.example"),))
    assert conversation.prompt == (Message("user", (Text("Why?"),)), Message("model", (Text("So."), sources)))
    assert conversation.built_in == (BuiltInTool("googleSearch", {}),)
