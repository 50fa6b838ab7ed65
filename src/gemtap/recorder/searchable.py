"""The text by which searches find an interaction: what its turn added, without resent messages.

For a conversation it is the answer with its thoughts and calls, the new messages with the results of tools, and in the
first turn of a thread the system instruction. For anything else it is the beginning of the texts in both bodies.
Base64 is left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from gemtap.conversation import Conversation
from gemtap.conversation.said import said_by_turn, strings_in
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of, sends_whole_prompt
from gemtap.recorder.threads import Placed

LONGEST: Final = 100_000
"""Maximum number of indexed characters per interaction. The answer takes precedence over the prompt."""

LONGEST_BODY: Final = 4_000
"""Maximum number for bodies without a conversation: lists of models, for example, repeat the same text."""

_BINARY: Final = re.compile(
    r"[A-Za-z0-9+/_-]{200,}={0,2}"
    r"|(?:[A-Za-z0-9+/]{60,76}\r?\n){2,}[A-Za-z0-9+/]*={0,2}"  # in lines
)
"""What no person wrote: Base64, plain, URL-safe or in lines as in a mail."""

_LONGEST_PLAIN: Final = 60
_LONG_WORD: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_LONGEST_PLAIN}}}")
"""A text without any of these has no Base64. Checking this first takes a third of the time."""

_log = logging.getLogger(__name__)


def text_of(document: Interaction) -> str:
    """The text of a document that is stored; empty if it cannot be made."""
    return text_said(document, conversation_of(document))


def text_said(document: Interaction, conversation: Conversation | None) -> str:
    """The text of a document with this conversation; empty if it cannot be made: the interaction is recorded anyway."""
    try:
        return _bounded(_texts(document, conversation))
    except Exception:
        _log.exception("The text of %s cannot be made, and no search for words will find it", document["_id"])
        return ""


def with_text(placed: Placed, conversation: Conversation | None) -> Placed:
    """The record with its text, once its place, and so its added messages, are known."""
    return replace(placed, record=replace(placed.record, text=text_said(placed.record.document, conversation)))


def _bounded(texts: Iterator[str]) -> str:
    found: list[str] = []
    room = LONGEST
    for text in texts:
        # Base64 is removed entirely; of a very long text only the beginning is examined.
        kept = text[: 4 * room]
        if _has_long_word(kept):
            kept = _BINARY.sub(" ", kept)
        kept = kept[:room]
        found.append(kept)
        room -= len(kept) + 1
        if room <= 0:
            break
    return "\n".join(found)


def _has_long_word(text: str) -> bool:
    # Most texts have nothing so long between two spaces, which takes half the time to find out.
    return max(map(len, text.split()), default=0) >= _LONGEST_PLAIN and _LONG_WORD.search(text) is not None


def _texts(document: Interaction, conversation: Conversation | None) -> Iterator[str]:
    """The most telling first."""
    if document["note"] is not None:
        yield document["note"]
    error = document["error"]
    if error is not None:
        yield error["message"]
        yield from strings_in(error["details"])
    if conversation is not None:
        yield from (each.text for each in said_by_turn(conversation, document["thread"]))
        return
    if sends_whole_prompt(document):
        yield document["preview"]["prompt"] or ""
        return
    for side in (document["response"], document["request"]):
        body = side and side["body"]
        texts = [body] if isinstance(body, str) else strings_in(body)
        yield " ".join(_first(texts, LONGEST_BODY))[:LONGEST_BODY]


def _first(texts: Iterator[str] | list[str], characters: int) -> Iterator[str]:
    for text in texts:
        kept = _BINARY.sub(" ", text[: 4 * characters])[:characters]
        yield kept
        characters -= len(kept) + 1
        if characters <= 0:
            return
