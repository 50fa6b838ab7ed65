"""Accumulates the messages of a Realtime session into the items of its conversation.

Items have the shape that the API gives them: `{"type": "message", "role", "content"}`, `function_call` and its output.
A part of sound has its type and size beside its transcript; the data itself, in many small pieces, is in the messages:
`{"type": "output_audio", "transcript": "...", "format": "audio/pcm;rate=24000", "bytes": 48000}`.

After https://platform.openai.com/docs/guides/realtime-conversations. Live sessions and translations have no items, but
transcripts and sound of both sides: each stretch of one side is a message here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gemtap.dialects.base import Message
from gemtap.dialects.openai_responses.accumulate import accumulate as accumulate_response
from gemtap.dialects.session_sound import size_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count, overlay

PCM: Final = "audio/pcm;rate=24000"

_FORMATS: Final = {"pcm16": PCM, "g711_ulaw": "audio/pcmu;rate=8000", "g711_alaw": "audio/pcma;rate=8000"}
"""What the first version of the API called its formats."""

APPENDED: Final = frozenset(
    {"input_audio_buffer.append", "session.input_audio.append", "session.input_audio_buffer.append"}
)
"""Events of a client with a piece of what is spoken."""

SPOKEN: Final = frozenset({"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"})
"""Events of the server with a piece of what the model speaks."""

_TRANSCRIPTS: Final = {"session.input_transcript.delta": "user", "session.output_transcript.delta": "assistant"}
_HEARD: Final = "conversation.item.input_audio_transcription."
_STARTS: Final = frozenset({"session.update", "session.start", "session.created", "session.updated", "session.started"})


def kind_of(event: Json) -> str:
    """The type of an event; empty where it has none."""
    return as_text(as_dict(event).get("type")) or ""


def events_of(messages: Iterable[Message], side: str) -> Iterator[dict[str, Json]]:
    """The events that one side sent. A live session wraps those of a response."""
    for message in messages:
        if message.side == side:
            yield unwrapped(message.json)


def unwrapped(event: Json) -> dict[str, Json]:
    """The event itself."""
    fields = as_dict(event)
    return as_dict(fields.get("event")) if fields.get("type") == "response.event" else fields


def session_of(messages: Sequence[Message]) -> dict[str, Json]:
    """How the session was set up: what the client and the server said of it, the last value of each member."""
    session: dict[str, Json] = {}
    for message in messages:
        if kind_of(message.json) in _STARTS:
            overlay(session, as_dict(message.json.get("session")))
    return session


def accumulate(messages: Sequence[Message]) -> list[dict[str, Json]]:
    """The items of the conversation, in the order in which they began."""
    session = _Session()
    for message in messages:
        if message.side == "client":
            session.sent(as_dict(message.json))
        else:
            session.received(unwrapped(message.json))
    return session.finish()


class _Session:
    """The conversation so far."""

    def __init__(self) -> None:
        self._items: list[_Item | _Response] = []
        self._speech: _Item | None = None
        """What the client is speaking, until it is committed."""
        self._by_id: dict[str, _Item] = {}
        self._responses: dict[str, _Response] = {}
        self._stretch: _Item | None = None
        """The last message of a session without items."""
        self._formats = {"user": PCM, "assistant": PCM}

    def sent(self, event: dict[str, Json]) -> None:
        """An event of the client."""
        kind = kind_of(event)
        if kind in APPENDED:
            if self._speech is None:
                self._speech = self._begin("user")
            self._speech.hear(event.get("audio"), self._formats["user"])
        elif kind in ("conversation.item.create", "response.item.create") and isinstance(event.get("item"), dict):
            self._items.append(item := _Item(event["item"], self._formats["user"]))
            self._name(item, event["item"].get("id"))
        elif kind in _STARTS:
            self._set_up(as_dict(event.get("session")))

    def received(self, event: dict[str, Json]) -> None:
        """An event of the server."""
        kind = kind_of(event)
        if kind in _STARTS:
            self._set_up(as_dict(event.get("session")))
        elif kind in ("input_audio_buffer.committed", "input_audio_buffer.cleared"):
            if self._speech is not None:
                self._name(self._speech, event.get("item_id"))
            self._speech = None
        elif kind.startswith(_HEARD):
            item = self._by_id.get(as_text(event.get("item_id")) or "")
            if item is not None:
                item.transcribe(kind.removeprefix(_HEARD), event)
        elif kind in _TRANSCRIPTS:
            self._stretch_of(_TRANSCRIPTS[kind]).transcribe("delta", event)
        elif kind == "session.output_audio.delta":
            self._stretch_of("assistant").hear(event.get("delta"), self._formats["assistant"])
        elif kind.startswith("response."):
            self._response_of(event).add(kind, event)

    def _stretch_of(self, role: str) -> _Item:
        if role == "user" and self._speech is not None:
            self._stretch = self._speech
        elif self._stretch is None or self._stretch.role != role:
            self._stretch = self._begin(role)
        if role == "assistant":
            self._speech = None
        return self._stretch

    def _response_of(self, event: dict[str, Json]) -> _Response:
        id_ = as_text(event.get("response_id")) or as_text(as_dict(event.get("response")).get("id")) or ""
        if id_ not in self._responses:
            self._responses[id_] = response = _Response(self._formats["assistant"])
            self._items.append(response)
        return self._responses[id_]

    def _begin(self, role: str) -> _Item:
        self._items.append(item := _Item({"type": "message", "role": role, "content": []}, self._formats[role]))
        return item

    def _name(self, item: _Item, id_: Json) -> None:
        if isinstance(id_, str):
            self._by_id[id_] = item

    def _set_up(self, session: dict[str, Json]) -> None:
        audio = as_dict(session.get("audio"))
        for role, side in (("user", "input"), ("assistant", "output")):
            said = as_dict(audio.get(side)).get("format", audio.get("format", session.get(f"{side}_audio_format")))
            self._formats[role] = _format(said) or self._formats[role]

    def finish(self) -> list[dict[str, Json]]:
        return [item for each in self._items for item in each.finish()]


def _format(said: Json) -> str | None:
    if isinstance(said, str):
        return _FORMATS.get(said)
    fields = as_dict(said)
    kind, rate = as_text(fields.get("type")), count(fields.get("rate"))
    if kind is None:
        return None
    return f"{kind};rate={rate or (24_000 if kind == 'audio/pcm' else 8_000)}"


class _Item:
    """One item of the client's, or one stretch of what somebody says."""

    def __init__(self, item: dict[str, Json], format_: str) -> None:
        self._fields = (
            {**item, "content": list(item["content"])} if isinstance(item.get("content"), list) else dict(item)
        )
        for number, part in enumerate(as_list(self._fields.get("content"))):
            # The data stays in the messages.
            if isinstance(part, dict) and part.get("type") == "input_audio" and isinstance(part.get("audio"), str):
                rest = {name: value for name, value in part.items() if name != "audio"}
                self._fields["content"][number] = {**rest, "format": format_, "bytes": size_of(part["audio"])}
        self._transcript: list[str] = []

    @property
    def role(self) -> str | None:
        """Who speaks."""
        return as_text(self._fields.get("role"))

    def hear(self, data: Json, format_: str) -> None:
        """A piece of sound has come."""
        part = self._sound()
        part["format"] = format_
        part["bytes"] = (count(part.get("bytes")) or 0) + size_of(data)

    def transcribe(self, kind: str, event: dict[str, Json]) -> None:
        """A piece of the transcript has come, or all of it."""
        if kind == "delta" and isinstance(event.get("delta"), str):
            self._transcript.append(event["delta"])
        elif kind == "completed" and isinstance(event.get("transcript"), str):
            self._transcript = [event["transcript"]]

    def _sound(self) -> dict[str, Json]:
        content: list[Json] = self._fields.setdefault("content", [])
        kind = "input_audio" if self.role == "user" else "output_audio"
        for part in content:
            if isinstance(part, dict) and part.get("type") == kind:
                return part
        content.append(part := {"type": kind})
        return part

    def finish(self) -> list[dict[str, Json]]:
        if self._transcript:
            self._sound()["transcript"] = "".join(self._transcript)
        return [self._fields]


class _Response:
    """The items of one response."""

    def __init__(self, format_: str) -> None:
        self._events: list[Json] = []
        self._sizes: dict[tuple[int, int], int] = {}
        self._format = format_

    def add(self, kind: str, event: dict[str, Json]) -> None:
        """An event of the response."""
        if kind in SPOKEN:
            place = count(event.get("output_index")) or 0, count(event.get("content_index")) or 0
            self._sizes[place] = self._sizes.get(place, 0) + size_of(event.get("delta"))
        else:
            self._events.append(event)

    def finish(self) -> list[dict[str, Json]]:
        output = [dict(as_dict(item)) for item in as_list(accumulate_response(self._events).get("output"))]
        for (index, part_index), size in sorted(self._sizes.items()):
            if index >= len(output):
                continue
            content = list(as_list(output[index].get("content")))
            sound = {"type": "output_audio", "format": self._format, "bytes": size}
            if part_index < len(content):
                content[part_index] = {**as_dict(content[part_index]), **sound}
            else:
                content.append(sound)
            output[index]["content"] = content
        return output
