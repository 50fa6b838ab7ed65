"""Accumulates the messages of a Live session into turns.

A turn is `{"role": "user" | "model", "parts": [...], ...}`, as in `contents`. Beside its parts stands what the API said
of it: `turnComplete`, `interrupted`, `inputTranscription`, `outputTranscription`, ... A part tells the type and the
size of audio and video, which come in many small pieces; the data itself is in the messages:
`{"inlineData": {"mimeType": "audio/pcm;rate=24000", "bytes": 48000}}`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gemtap.dialects.base import Message
from gemtap.dialects.session_sound import size_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, overlay

_REALTIME_MEDIA: Final = ("audio", "video")


def message_of(message: Json, name: str) -> dict[str, Json]:
    """What a message holds under a name, which the API takes as `clientContent` and as `client_content`."""
    fields = as_dict(message)
    return as_dict(fields.get(name, fields.get(_snake_case(name))))


def _snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def has_content(message: Json) -> bool:
    """Whether a message of the server brings something of an answer: text, audio, its transcription, a call."""
    content = message_of(message, "serverContent")
    return bool(
        as_list(message_of(content, "modelTurn").get("parts"))
        or as_text(message_of(content, "outputTranscription").get("text"))
        or as_list(message_of(message, "toolCall").get("functionCalls"))
    )


def accumulate(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """The turns in the order in which they began.

    What is sent as it is spoken belongs to one turn of the user until the model's answer to it has ended, for that is
    also where a late transcription belongs. Anything else that is sent is a turn of its own.
    """
    session = _Session()
    for message in messages:
        if message.side == "client":
            session.sent(message.json)
        else:
            session.received(message.json)
    return [turn.finish() for turn in session.turns]


class _Session:
    """The turns so far, and the incomplete ones."""

    def __init__(self) -> None:
        self.turns: list[_Turn] = []
        self._written: _Turn | None = None
        self._speech: _Turn | None = None
        self._model: _Turn | None = None

    def sent(self, message: Json) -> None:
        """A message of the client."""
        content = message_of(message, "clientContent")
        for each in as_list(content.get("turns")):
            self._speech = None
            self._written = self._begin("model" if as_dict(each).get("role") == "model" else "user")
            self._written.add_parts(as_dict(each).get("parts"))
        complete = content.get("turnComplete", content.get("turn_complete"))
        if complete is not None and self._written is not None:
            self._written.tell({"turnComplete": complete})
        responses = message_of(message, "toolResponse")
        answers = as_list(responses.get("functionResponses", responses.get("function_responses")))
        if answers:
            # The model's next turn answers these.
            self._model = None
            self._begin("user").add_parts([{"functionResponse": each} for each in answers])
        self._add_realtime(message_of(message, "realtimeInput"))

    def _add_realtime(self, given: dict[str, Json]) -> None:
        text = as_text(given.get("text"))
        if text and self._model is not None:
            self._speech = None
        chunks = as_list(given.get("mediaChunks", given.get("media_chunks")))
        media = [each for each in (*chunks, *map(given.get, _REALTIME_MEDIA)) if isinstance(each, dict)]
        if media or text:
            turn = self._speech = self._speech or self._begin("user")
            turn.add_parts([{"inlineData": each} for each in media])
            turn.add_parts([{"text": text}] if text else [])

    def received(self, message: Json) -> None:
        """A message of the server."""
        content = dict(message_of(message, "serverContent"))
        heard = content.pop("inputTranscription", None)
        if isinstance(heard, dict):
            self._speech = self._speech or self._begin("user")
            self._speech.transcribe("inputTranscription", heard)
        said, spoken = content.pop("modelTurn", None), content.pop("outputTranscription", None)
        calls = as_list(message_of(message, "toolCall").get("functionCalls"))
        if said is not None or spoken is not None or calls:
            self._model = self._model or self._begin("model")
            self._model.add_parts(as_dict(said).get("parts"))
            self._model.transcribe("outputTranscription", as_dict(spoken))
            self._model.add_parts([{"functionCall": each} for each in calls])
        if self._model is not None:
            self._model.tell(content)
        if content.get("turnComplete") is True or content.get("interrupted") is True:
            self._speech = self._model = None

    def _begin(self, role: str) -> _Turn:
        self.turns.append(turn := _Turn(role))
        return turn


class _Turn:
    """One turn under construction."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._parts: list[dict[str, Json]] = []
        self._text: list[str] = []
        """The pieces of the last part while that is text, joined once it ends: long texts come in many."""
        self._told: dict[str, Json] = {}
        self._transcriptions: dict[str, list[str]] = {}

    def add_parts(self, parts: Json) -> None:
        for part in as_list(parts):
            if isinstance(part, dict):
                self._add(part)

    def _add(self, part: dict[str, Json]) -> None:
        blob = as_dict(part.get("inlineData", part.get("inline_data")))
        if blob:
            self._add_media(blob, {name: value for name, value in part.items() if "inline" not in name})
        elif isinstance(part.get("text"), str) and part.keys() <= {"text", "thought"}:
            self._add_text(part)
        else:
            self._end_text()
            self._parts.append(part)

    def _add_text(self, part: dict[str, Json]) -> None:
        if self._text and self._role == "model" and part.get("thought") == self._parts[-1].get("thought"):
            self._text.append(part["text"])
            return
        self._end_text()
        self._parts.append(dict(part))
        self._text = [part["text"]]

    def _add_media(self, blob: dict[str, Json], beside: dict[str, Json]) -> None:
        self._end_text()
        kind = as_text(blob.get("mimeType", blob.get("mime_type")))
        last = as_dict(self._parts[-1].get("inlineData")) if self._parts else {}
        if last and last["mimeType"] == kind and not beside and self._parts[-1].keys() == {"inlineData"}:
            last["bytes"] += size_of(blob.get("data"))
        else:
            self._parts.append({"inlineData": {"mimeType": kind, "bytes": size_of(blob.get("data"))}, **beside})

    def _end_text(self) -> None:
        if self._text:
            self._parts[-1]["text"] = "".join(self._text)
            self._text = []

    def transcribe(self, name: str, transcription: dict[str, Json]) -> None:
        """Add a piece of a transcription; `finished` stays beside the text if it is set."""
        text = transcription.get("text")
        if isinstance(text, str):
            self._transcriptions.setdefault(name, []).append(text)
        rest = {field: value for field, value in transcription.items() if field != "text"}
        if rest:
            self._told[name] = {**as_dict(self._told.get(name)), **rest}

    def tell(self, fields: dict[str, Json]) -> None:
        """Take over what is said of the turn: of each field the last value that is not null."""
        overlay(self._told, {name: value for name, value in fields.items() if name not in ("role", "parts")})

    def finish(self) -> dict[str, Json]:
        self._end_text()
        for name, pieces in self._transcriptions.items():
            self._told[name] = {"text": "".join(pieces), **as_dict(self._told.get(name))}
        return {"role": self._role, "parts": self._parts, **self._told}
