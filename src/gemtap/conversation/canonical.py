"""Messages in the form in which they are compared: runs of text joined, results paired with calls, all of it hashed.

Clients change messages when they send them again: they cut or join texts, drop thoughts, fold white space and give
calls other ids. What is left here is what they keep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import Final

from gemtap.conversation.model import (
    Aside,
    Call,
    Conversation,
    Grounding,
    Media,
    Message,
    Other,
    Part,
    Result,
    Role,
    Text,
    Thought,
)
from gemtap.interaction import Json
from gemtap.json_access import json_or_text
from gemtap.reuse import Results, remembered, results_for

_CHAIN_BYTES: Final = 16

Place = tuple[int, int]
"""Number of a message, and of a part in it."""


def joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, each run of texts as one text and each run of thoughts as one: a stream cuts them anywhere.

    Encrypted thoughts stay as they are.
    """
    for kind, run in groupby(parts, _kind_of_run):
        if kind is Text or kind is Thought:
            yield kind("".join(part.text for part in run))  # type: ignore[union-attr]  # groupby keeps no types
        else:
            yield from run


def _kind_of_run(part: Part) -> type[Part] | None:
    return None if isinstance(part, Thought) and part.encrypted_bytes is not None else type(part)


def merged(conversation: Conversation) -> Conversation:
    """The conversation with consecutive texts and thoughts of the model joined, for people to read.

    Clients that resend a streamed answer often resend it in the chunks in which it came.
    """
    answer = conversation.answer
    return replace(
        conversation,
        prompt=tuple(map(_merged, conversation.prompt)),
        answer=None if answer is None else _merged(answer),
    )


def _merged(message: Message) -> Message:
    return replace(message, parts=tuple(joined(message.parts))) if message.role == "model" else message


def sent_again(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts that clients send again: no thoughts, and nothing that stands beside an answer."""
    return (part for part in parts if not isinstance(part, Thought | Grounding | Aside))


def paired(messages: Sequence[Message]) -> dict[Place, Place]:
    """The call of each result, by place: the one with its id, else the first unanswered call of its name."""
    pairs: dict[Place, Place] = {}
    unanswered: list[tuple[Place, Call]] = []
    for number, message in enumerate(messages):
        for index, part in enumerate(message.parts):
            place = number, index
            if isinstance(part, Call):
                unanswered.append((place, part))
            elif isinstance(part, Result):
                answered = next((each for each in unanswered if _answers(part, each[1])), None)
                if answered is not None:
                    pairs[place] = answered[0]
                    unanswered.remove(answered)
    return pairs


def call_ids(messages: Sequence[Message]) -> dict[Place, str]:
    """An id for each call: its own, or one that is made. Results refer to calls by ids, which not every API has."""
    places = (
        ((number, index), part)
        for number, message in enumerate(messages)
        for index, part in enumerate(message.parts)
        if isinstance(part, Call)
    )
    return {place: call.id or f"call_{count}" for count, (place, call) in enumerate(places, 1)}


def _answers(result: Result, call: Call) -> bool:
    if result.id is not None and call.id is not None:
        return result.id == call.id
    return result.name is not None and result.name == call.name


@dataclass(frozen=True, slots=True)
class Piece:
    """A message without what clients change; consecutive messages of the model are one piece."""

    role: Role
    said: bytes
    messages: int
    """Number of messages up to the end of this piece."""
    kept: Results | None = field(default=None, compare=False, repr=False)
    """What is kept of the message, if it is one that comes again."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.said)


def pieces(messages: Sequence[Message]) -> Iterator[Piece]:
    """The messages that say something, in their order.

    An answer may have the results of tools that the API itself ran amid the model's words. Clients send them again as
    messages of their own, between those of the model, and so they count.
    """
    parts: list[Part] = []
    numbered = [(number, each) for number, message in enumerate(messages, 1) for each in _by_speaker(message)]
    for place, (number, message) in enumerate(numbered, 1):
        is_continued = message.role == "model" and place < len(numbered) and numbered[place][1].role == "model"
        if parts or is_continued:
            parts += message.parts
        if is_continued:
            continue
        piece = Piece(message.role, _said(parts), number) if parts else _piece(message, number)
        if piece.said:
            yield piece
        parts = []


def _by_speaker(message: Message) -> Iterator[Message]:
    """The message, or if it is the model's with results in it, each run of the model's words and of results."""
    if message.role != "model" or not any(isinstance(part, Result) for part in message.parts):
        yield message
        return
    for is_result, run in groupby(message.parts, lambda part: isinstance(part, Result)):
        yield Message("tool" if is_result else "model", tuple(run))


def _piece(message: Message, number: int) -> Piece:
    """The piece of one message, which is the last of so many."""
    kept = results_for(message)
    said = remembered(kept, _said, lambda: _said(message.parts))
    return Piece(message.role, said, number, kept)


def chain(pieces: Iterable[Piece], before: bytes = b"") -> list[bytes]:
    """For each piece a hash of it and of all pieces before it; `before` is the hash of what came before them all."""
    found = []
    for piece in pieces:
        before = remembered(piece.kept, (_chained, before), partial(_chained, piece, before))
        found.append(before)
    return found


def _chained(piece: Piece, before: bytes) -> bytes:
    return blake2b(before + piece.role.encode() + b"\0" + piece.said, digest_size=_CHAIN_BYTES).digest()


def _said(parts: Iterable[Part]) -> bytes:
    return b"\0".join(filter(None, map(_token, joined(sent_again(parts)))))


def _token(part: Part) -> bytes:
    match part:
        case Text(text):
            return as_said(text)
        case Call(name, arguments):
            return b"call " + name.encode("utf-8", "replace") + _canonical(arguments)
        case Result(content, media=media):
            return b"\0".join((b"result " + _canonical(_parsed(content)), *map(_token, media)))
        case Media(_, uri, base64, cut):
            which = b"" if cut is None else b" " + _canonical(cut)
            return b"media " + (uri or base64 or "").encode("utf-8", "replace") + which
        case Other(kind, value):
            return kind.encode("utf-8", "replace") + _canonical(value)
        case Thought() | Grounding() | Aside():
            return b""


def as_said(text: str) -> bytes:
    """A text as it is in a piece: with every run of white space as one space."""
    return " ".join(text.split()).encode("utf-8", "replace")


def _parsed(content: Json) -> Json:
    """A result that is JSON in a text as its value: some APIs take a text where others take the value."""
    if isinstance(content, str) and content.startswith(("{", "[")):
        return json_or_text(content)
    return content


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: Json) -> bytes:
    return _encode(value).encode("ascii")
