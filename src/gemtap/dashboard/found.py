"""Where the words of a search stand in an interaction: excerpts with the words marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gemtap.conversation.preview import shorten
from gemtap.conversation.said import said_by_turn, strings_in
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.stores.query.filter import TEXT, Filter, Says
from gemtap.stores.query.words import spans_of

_MOST: Final = 3
"""Number of excerpts of one interaction."""

_AROUND: Final = 60
"""Characters before the first match and after it."""

_SEARCHED: Final = 200_000
"""Characters that are searched at most: the search index has half of them."""


class Piece(NamedTuple):
    """A piece of an excerpt."""

    text: str
    is_match: bool


class Excerpt(NamedTuple):
    """Part of a text that matches."""

    kind: str
    """What the text is: `response`, `prompt`, `thinking`, `tool call`, `tool result`, `error`, `note` and others."""
    pieces: Sequence[Piece]


def excerpts_of(document: Interaction, where: Filter) -> list[Excerpt]:
    """Excerpts of the first three texts that have words or phrases that the filter wants."""
    wanted = [
        test
        for term in where.terms
        if term.field == TEXT and not term.negated
        for test in term.tests
        if isinstance(test, Says)
    ]
    found: list[Excerpt] = []
    for kind, text in _texts(document) if wanted else ():
        spans = list(spans_of(text))
        places = sorted(place for test in wanted for place in _places(test, spans))
        if places:
            found.append(Excerpt(kind, _pieces(text, places)))
        if len(found) == _MOST:
            break
    return found


def _places(test: Says, spans: Sequence[tuple[str, int, int]]) -> Iterator[tuple[int, int]]:
    """Where the phrase begins and ends."""
    *whole, last = test.words
    size = len(test.words)
    for number in range(len(spans) - size + 1):
        run = spans[number : number + size]
        ending = run[-1][0]
        if (ending.startswith(last) if test.begins else ending == last) and all(
            word == span[0] for word, span in zip(whole, run, strict=False)
        ):
            yield run[0][1], run[-1][2]


def _pieces(text: str, places: Sequence[tuple[int, int]]) -> list[Piece]:
    """The surroundings of the first match, with every match in them marked."""
    begin = max(0, places[0][0] - _AROUND)
    end = min(len(text), places[0][1] + _AROUND)
    pieces = [Piece("…", False)] if begin else []
    at = begin
    for start, stop in places:
        if start < at or stop > end:
            continue
        pieces += [Piece(_on_one_line(text[at:start]), False), Piece(_on_one_line(text[start:stop]), True)]
        at = stop
    pieces.append(Piece(_on_one_line(text[at:end]) + ("…" if end < len(text) else ""), False))
    return [piece for piece in pieces if piece.text]


def _on_one_line(text: str) -> str:
    """The text with its white space folded, with the spaces at its ends."""
    before, after = " " * text[:1].isspace(), " " * text[-1:].isspace()
    return f"{before}{shorten(text, 2 * _SEARCHED)}{after}" if text.strip() else before


def _texts(document: Interaction) -> Iterator[tuple[str, str]]:
    """What searches look through, with kinds, see `recorder.searchable`."""
    room = _SEARCHED
    for kind, text in _all_texts(document):
        yield kind, text[:room]
        room -= len(text)
        if room <= 0:
            return


def _all_texts(document: Interaction) -> Iterator[tuple[str, str]]:
    if document["note"] is not None:
        yield "note", document["note"]
    if document["error"] is not None:
        yield "error", document["error"]["message"]
        yield "error", " ".join(strings_in(document["error"]["details"]))
    conversation = conversation_of(document)
    if conversation is not None:
        yield from said_by_turn(conversation, document["thread"])
        return
    for side in ("response", "request"):
        part = document["response"] if side == "response" else document["request"]
        body = part["body"] if part is not None else None
        if not isinstance(body, bytes):
            yield side, body if isinstance(body, str) else " ".join(strings_in(body))
