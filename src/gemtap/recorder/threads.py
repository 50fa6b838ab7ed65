"""Which interaction continues which, told from the content alone.

Agents send the whole conversation anew with each turn: the request of turn n + 1 begins with the request and the
answer of turn n. Every interaction leaves hashes of its conversation behind, its *links*; a later one that has the same
hash somewhere within its own prompt continues it. docs/threads.md states the rule and how often it is right.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from typing import Any, Final

from bson import ObjectId

from gemtap.conversation import conversation_of
from gemtap.conversation.model import Call, Media, Message, Other, Part, Result, Role, Text, Thought
from gemtap.interaction import Interaction, Outcome, Thread
from gemtap.stores.base import Filter, Record, Store

_HASH_BYTES: Final = 10

_MOST_PLACES: Final = 200
"""Places within a prompt, the last ones, at which an earlier interaction may have ended."""

_TELLING: Final = 40
"""Bytes that a question and its answer have together, at least, to be recognised without all before them."""

_MOST_TELLING: Final = 6
"""Messages that are taken together to have that many."""

_SUMMARY: Final = 200
"""Bytes of an answer, at least, to be recognised by itself where a conversation begins with it."""

_SUMMARY_WITHIN: Final = 3
"""Messages at the beginning of a prompt among which one may be such a summary."""

_RETRY_WITHIN: Final = timedelta(minutes=10)
"""Longer ago, the same first question is asked anew."""

_REMEMBERED: Final = 4_000
"""Interactions placed of late whose links are known without asking the store."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A message, without what clients change when they send it again."""

    role: Role
    said: bytes
    size: int
    """Bytes."""
    messages: int
    """Messages of the prompt up to this one and with it."""


@dataclass(frozen=True, slots=True)
class Trail:
    """An interaction's place among others, as far as its own content tells."""

    links: tuple[bytes, ...]
    """What others find it by."""
    asked: bytes
    """The hash of the whole prompt: the same for whoever asks the same again."""
    places: tuple[tuple[tuple[bytes, ...], int], ...]
    """What it may continue, the best first: links to look for, and how many messages of its prompt come after."""
    messages: int
    """Messages of the prompt."""


def trail_of(document: Interaction) -> Trail | None:
    """The trail of a document; None where it is no conversation."""
    conversation = conversation_of(document)
    if conversation is None or not conversation.prompt:
        return None
    prompt = list(_pieces(conversation.prompt))
    if not prompt:
        return None
    # Where the API holds what was said before, the same words are another question in each conversation.
    chain = _chain(prompt, _named(conversation.previous) if conversation.previous is not None else b"")
    asked = _link(b"chain", chain[-1])
    answer = list(_pieces([conversation.answer])) if conversation.answer is not None else []
    links = [asked]
    if conversation.id is not None:
        links.append(_named(conversation.id))
    if answer:
        links.append(_link(b"chain", _chain(answer, chain[-1])[-1]))
        links += _exchange([*prompt, *answer], len(prompt))
        links += _summary(answer[0])
    messages = len(conversation.prompt)
    if conversation.previous is not None:
        return Trail(tuple(links), asked, (((_named(conversation.previous),), messages),), messages)
    return Trail(tuple(links), asked, tuple(_places(prompt, chain, messages)), messages)


def _named(id_: str) -> bytes:
    """The link of an interaction that others name by the API's own id for it."""
    return _link(b"named", id_.encode("utf-8", "replace"))


def _places(prompt: Sequence[_Piece], chain: Sequence[bytes], messages: int) -> Iterator[tuple[tuple[bytes, ...], int]]:
    """Where an earlier interaction may have ended, the latest first: all the same up to there, else what came last.

    The client may have rewritten what stands before, and mostly keeps the very first messages when it does.
    """
    for place in range(len(prompt) - 2, max(-1, len(prompt) - 2 - _MOST_PLACES), -1):
        after = messages - prompt[place].messages
        yield (_link(b"chain", chain[place]),), after
        if prompt[place].role == "model" and (links := _exchange(prompt, place)):
            yield tuple(links), after
    # Or it has put an answer, a summary of it all, in the place of all: as the first message, or as the model's words.
    for number, piece in enumerate(prompt[:_SUMMARY_WITHIN]):
        if number == 0 or piece.role == "model":
            yield tuple(_summary(piece)), messages - piece.messages


def _exchange(pieces: Sequence[_Piece], place: int) -> list[bytes]:
    """The link of what the model says at this place and of what it was said to, if that is telling enough.

    Where a question and its answer are short, those before them stand with them.
    """
    size = pieces[place].size
    for first in range(place - 1, max(-1, place - _MOST_TELLING), -1):
        size += pieces[first].size
        if size >= _TELLING:
            return [_link(b"exchange", *(piece.said for piece in pieces[first : place + 1]))]
    return []


def _summary(piece: _Piece) -> list[bytes]:
    """The link of a long answer, by which it is known whoever says it later."""
    return [_link(b"summary", piece.said)] if piece.size >= _SUMMARY else []


def _pieces(messages: Sequence[Message]) -> Iterator[_Piece]:
    """The messages without thoughts, ids and white space; what the model says in a row is one, however it came."""
    for number, role, parts in _joined(messages):
        said = _said(parts)
        if said:
            yield _Piece(role, said, len(said), number)


def _joined(messages: Sequence[Message]) -> Iterator[tuple[int, Role, list[Part]]]:
    parts: list[Part] = []
    for number, message in enumerate(messages, 1):
        parts += message.parts
        is_last = number == len(messages)
        if is_last or message.role != "model" or messages[number].role != "model":
            yield number, message.role, parts
            parts = []


def _said(parts: Sequence[Part]) -> bytes:
    found: list[bytes] = []
    for kind, run in groupby((part for part in parts if not isinstance(part, Thought)), type):
        if kind is Text:
            words = "".join(part.text for part in run if isinstance(part, Text)).split()
            found.append(" ".join(words).encode("utf-8", "replace"))
        else:
            found += map(_token, run)
    return b"\0".join(filter(None, found))


def _token(part: Part) -> bytes:
    match part:
        case Call(name, arguments):
            return b"call " + name.encode("utf-8", "replace") + _canonical(arguments)
        case Result(content):
            return b"result " + _canonical(content)
        case Media(_, uri, base64):
            return b"media " + (uri or base64 or "").encode("utf-8", "replace")
        case Other(kind, value):
            return kind.encode("utf-8", "replace") + _canonical(value)
        case _:
            return b""


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _chain(pieces: Sequence[_Piece], before: bytes = b"") -> list[bytes]:
    """For each piece the hash of it and of all before it; `before` is the hash of what was before them all."""
    found = []
    for piece in pieces:
        before = blake2b(before + piece.role.encode() + b"\0" + piece.said, digest_size=16).digest()
        found.append(before)
    return found


def _link(kind: bytes, *of: bytes) -> bytes:
    return blake2b(b"\0".join(of), digest_size=_HASH_BYTES, person=kind).digest()


@dataclass(frozen=True, slots=True)
class _Placed:
    """An interaction that has its place."""

    id: ObjectId
    thread: Thread
    at: datetime
    is_whole: bool


class Threads:
    """Gives interactions their places in threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: OrderedDict[bytes, _Placed] = OrderedDict()

    async def place(self, record: Record, trail: Trail) -> Record:
        """The record with its thread and its links. Raises StoreUnavailable."""
        document = record.document
        wanted = {trail.asked, *(link for links, _ in trail.places for link in links)}
        known = await self._known(wanted)
        thread = _thread(document, trail, known)
        placed = _Placed(document["_id"], thread, document["timestamp"], document["outcome"] == Outcome.COMPLETE)
        for link in trail.links:
            self._recent[link] = placed
            self._recent.move_to_end(link)
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        changed: Interaction = {**document, "thread": thread}
        return replace(record, document=changed, links=trail.links)

    async def _known(self, wanted: set[bytes]) -> Mapping[bytes, _Placed]:
        known = {link: placed for link in wanted if (placed := self._recent.get(link)) is not None}
        stored = await self._store.linked(sorted(wanted - known.keys()))
        found: dict[ObjectId, _Placed | None] = {}
        for link, id_ in stored.items():
            if id_ not in found:
                found[id_] = await self._stored(id_)
            placed = found[id_]
            if placed is not None:
                known[link] = placed
        return known

    async def _stored(self, id_: ObjectId) -> _Placed | None:
        items = (await self._store.page(Filter(id=id_), limit=1)).items
        if not items or items[0]["thread"] is None:
            return None
        item = items[0]
        return _Placed(id_, item["thread"], item["timestamp"], item["outcome"] == Outcome.COMPLETE)


def _thread(document: Interaction, trail: Trail, known: Mapping[bytes, _Placed]) -> Thread:
    own = document["_id"]
    for links, new_messages in trail.places:
        for link in links:
            parent = known.get(link)
            if parent is not None and parent.id != own:
                return {
                    "id": parent.thread["id"],
                    "turn": parent.thread["turn"] + 1,
                    "parent": parent.id,
                    "new_messages": new_messages,
                }
    same = known.get(trail.asked)
    if same is not None and same.id != own and not same.is_whole and document["timestamp"] - same.at < _RETRY_WITHIN:
        # The first question again, for it was not answered.
        return {**same.thread, "new_messages": trail.messages}
    return {"id": own, "turn": 1, "parent": None, "new_messages": trail.messages}
