"""Fingerprints: find from the content alone which interaction continues which.

Agents send the whole conversation anew with each turn: the request of turn n + 1 begins with the request and the
answer of turn n. Every interaction leaves hashes of its conversation behind, its *links*; a later one that has the same
hash somewhere within its own prompt continues it. docs/threads.md states the rule and how often it is right.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from typing import Final

from bson import ObjectId

from gemtap.conversation import Conversation
from gemtap.conversation.canonical import Piece, as_said, chain, pieces
from gemtap.conversation.model import Message, Text
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.reuse import remembered

_log = logging.getLogger(__name__)

_HASH_BYTES: Final = 10
_WAITING_BYTES: Final = 6

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


_REMINDED_WITHIN: Final = 4
"""Messages of the model, the last ones, after which a reminder may have been taken away."""

_MOST_REMINDERS: Final = 4
"""Places in the last message, the first ones, at which a reminder may begin."""

_MOVED_TOO: Final = (0, 2, 4)
"""Numbers of messages before the last one that may be moved with a reminder."""

_PARAGRAPH: Final = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hashes of one interaction, by which it finds its place among others."""

    links: tuple[bytes, ...]
    """What others find it by."""
    prompt_hash: bytes
    """The hash of the whole prompt: a repeated prompt has the same."""
    candidates: tuple[tuple[tuple[bytes, ...], int], ...]
    """What it may continue, the best first: links to look for, and how many messages of its prompt come after."""
    messages: int
    """Messages of the prompt."""

    @property
    def sought(self) -> list[tuple[bytes, int]]:
        """The links of the candidates one by one, the best first, each with the number of messages that come after."""
        return [(link, new_messages) for links, new_messages in self.candidates for link in links]


def of_user(fingerprint: Fingerprint, user: str | None) -> Fingerprint:
    """The fingerprint among those of one user: conversations of two users never become one thread."""
    if user is None:
        return fingerprint
    return replace(
        fingerprint,
        links=tuple(link_of_user(link, user) for link in fingerprint.links),
        prompt_hash=link_of_user(fingerprint.prompt_hash, user),
        candidates=tuple(
            (tuple(link_of_user(link, user) for link in links), after) for links, after in fingerprint.candidates
        ),
    )


def link_of_user(link: bytes, user: str | None) -> bytes:
    """The link among those of one user; None: nobody's."""
    return link if user is None else _link(b"user", user.encode("utf-8", "replace"), link)


def fingerprint_of(conversation: Conversation | None) -> Fingerprint | None:
    """The fingerprint of a conversation; None if it has no prompt, and names nothing that it goes on from."""
    if conversation is None:
        return None
    prompt = list(pieces(conversation.prompt))
    if not prompt:
        return _continuation(conversation) if conversation.previous is not None else None
    # Where the API holds what was said before, the same words are another question in each conversation.
    start = named_link(conversation.previous) if conversation.previous is not None else b""
    hashes = chain(prompt, start)
    prompt_hash = _link(b"chain", hashes[-1])
    said, ends = _with_answer(conversation, prompt, [start, *hashes])
    links = [prompt_hash]
    links += [named_link(name) for name in (conversation.id, conversation.held_in) if name is not None]
    if ends is not None:
        links.append(_link(b"chain", ends))
        links += _exchange(said, len(said) - 1)
        links += _exchange_without_reminder(said)
        links += _summary(said[-1])
        if prompt[-1].role == "model":
            links.append(_link(b"resumed", ends))
    messages = len(conversation.prompt)
    if conversation.previous is not None:
        return Fingerprint(tuple(links), prompt_hash, (((named_link(conversation.previous),), messages),), messages)
    candidates = list(_candidates(prompt, hashes, messages, _reminders(conversation.prompt[-1])))
    if prompt[-1].role == "model" and not conversation.is_session:
        # The answer has paused more than once: the client sends back what there is of it.
        candidates.insert(0, ((_link(b"resumed", hashes[-1]),), 0))
    return Fingerprint(tuple(links), prompt_hash, tuple(candidates), messages)


def _with_answer(
    conversation: Conversation, prompt: list[Piece], hashes: Sequence[bytes]
) -> tuple[list[Piece], bytes | None]:
    """All that was said, and the hash of it; None if there is no answer. `hashes` are those before each piece.

    A prompt that ends with the model's words, as where it has paused or a client begins the answer, has the rest of the
    same message as its answer: clients send both again in one.
    """
    answer = list(pieces([conversation.answer])) if conversation.answer is not None else []
    if not answer:
        return prompt, None
    if prompt[-1].role != "model":
        return [*prompt, *answer], chain(answer, hashes[-1])[-1]
    said = list(pieces(conversation.messages))
    return said, chain(said[-1:], hashes[-2])[-1]


def _continuation(conversation: Conversation) -> Fingerprint:
    """That of a request without a prompt: the model goes on with an answer that was not finished."""
    previous = named_link(conversation.previous or "")
    prompt_hash = _link(b"chain", previous)
    names = [name for name in (conversation.id, conversation.held_in) if name is not None]
    links = (prompt_hash, *map(named_link, names))
    return Fingerprint(links, prompt_hash, (((previous,), 0),), 0)


def readable_fingerprint(conversation: Conversation | None, id_: ObjectId) -> Fingerprint | None:
    """The fingerprint, or None if computing it fails: the interaction `id_` is recorded without a thread."""
    try:
        return fingerprint_of(conversation)
    except Exception:
        _log.exception("The conversation of %s cannot be followed", id_)
        return None


def stored_fingerprint(document: Interaction) -> Fingerprint | None:
    """The fingerprint of an interaction that is stored already."""
    return readable_fingerprint(conversation_of(document), document["_id"])


def waiting_for(link: bytes) -> bytes:
    """The link by which a parent that is recorded late finds the turns that searched for it by this one.

    It is shorter, and so never equal to a link of the other kind. Where two are equal by chance, nothing but a look at
    an interaction is lost.
    """
    return link[:_WAITING_BYTES]


def named_link(id_: str) -> bytes:
    """The link of an interaction to which others refer by an id of the API."""
    return _link(b"named", id_.encode("utf-8", "replace"))


def _candidates(
    prompt: Sequence[Piece], hashes: Sequence[bytes], messages: int, reminders: Sequence[bytes]
) -> Iterator[tuple[tuple[bytes, ...], int]]:
    """Where an earlier interaction may have ended, the latest first: all the same up to there, else what came last.

    The client may have rewritten earlier messages; then it mostly keeps the very first ones.
    """
    reminded = _REMINDED_WITHIN if reminders else 0
    for place in range(len(prompt) - 2, max(-1, len(prompt) - 2 - _MOST_PLACES), -1):
        after = messages - prompt[place].messages
        chained, exchange = _links_at(prompt, hashes, place)
        whole: tuple[bytes, ...] = ()
        if reminded and prompt[place].role == "model":
            reminded -= 1
            if place and prompt[place - 1].role == "user":
                whole, exchange = _reminded(prompt, hashes, place, reminders, exchange)
        yield chained, after
        for links in filter(None, (whole, exchange)):
            yield links, after
    # Or it has put an answer, a summary of it all, in the place of all: as the first message, or as the model's words.
    for number, piece in enumerate(prompt[:_SUMMARY_WITHIN]):
        if number == 0 or piece.role == "model":
            yield tuple(_summary(piece)), messages - piece.messages


def _links_at(
    prompt: Sequence[Piece], hashes: Sequence[bytes], place: int
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The link of all up to this place, and that of the exchange which ends there."""

    def links() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        exchange = _exchange(prompt, place) if prompt[place].role == "model" else []
        return (_link(b"chain", hashes[place]),), tuple(exchange)

    # The hash stands for all messages before.
    return remembered(prompt[place].kept, (_links_at, hashes[place]), links)


def _exchange(said: Sequence[Piece], place: int) -> list[bytes]:
    """The link of the model's message at this place and of the message before it, if they are distinctive enough.

    If a prompt and its answer are short, the messages before them are included.
    """
    size = said[place].size
    for first in range(place - 1, max(-1, place - _MOST_TELLING), -1):
        size += said[first].size
        if size >= _TELLING:
            return [_link(b"exchange", *(piece.said for piece in said[first : place + 1]))]
    return []


def _reminders(last: Message) -> list[bytes]:
    """The ends of the last message that may be a reminder: from a paragraph on, if they are distinctive enough.

    aider puts its rules at the end of each question, and takes them away when the next one is asked.
    """
    if last.role != "user" or not all(isinstance(part, Text) for part in last.parts):
        return []
    text = "".join(part.text for part in last.parts if isinstance(part, Text))
    ends = (as_said(text[found.end() :]) for found in islice(_PARAGRAPH.finditer(text), _MOST_REMINDERS))
    return [end for end in ends if len(end) >= _TELLING]


def _reminded(
    prompt: Sequence[Piece],
    hashes: Sequence[bytes],
    place: int,
    reminders: Sequence[bytes],
    exchange: tuple[bytes, ...],
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The links of what ended at this place, if one of the reminders stood at the end of its last question.

    First those of all up to there: aider has the files before its reminder, and moves them with it, so that they stand
    before the last message now. Then those of the exchange, if it is distinctive without the reminder.
    """
    question, answer = prompt[place - 1], prompt[place]
    asked = [Piece("user", question.said + b" " + reminder, 0) for reminder in reminders]
    before = hashes[place - 2] if place > 1 else b""
    whole: list[bytes] = []
    for moved in _MOVED_TOO:
        first = len(prompt) - 1 - moved
        if first <= place:
            break
        start = [before, *chain(prompt[first:-1], before)][-1]
        whole += [_link(b"chain", chain([each, answer], start)[-1]) for each in asked]
    if question.size + answer.size >= _TELLING:
        exchange += tuple(_link(b"exchange", each.said, answer.said) for each in asked)
    return tuple(whole), exchange


def _exchange_without_reminder(said: Sequence[Piece]) -> list[bytes]:
    """The link of the last exchange without the message before the answer, if the user has sent another before that.

    Clients put messages of their own after a question, and leave them out later. Only an answer that is distinctive
    by itself is found so.
    """
    if len(said) < 3 or said[-1].size < _TELLING or any(piece.role != "user" for piece in said[-3:-1]):
        return []
    return [_link(b"exchange", said[-3].said, said[-1].said)]


def _summary(piece: Piece) -> list[bytes]:
    """The link of a long answer, which identifies it wherever it is repeated."""
    return [_link(b"summary", piece.said)] if piece.size >= _SUMMARY else []


def _link(kind: bytes, *of: bytes) -> bytes:
    return blake2b(b"\0".join(of), digest_size=_HASH_BYTES, person=kind).digest()
