"""Where a body can be cut so that its pieces are found again in other bodies.

Agents send everything said so far with each turn. Cut around messages, their parts, the system instruction and the
tools, all but the newest pieces of a request are those of the one before, and an answer is a piece of the next
request. Each dialect declares which members of its bodies that are (`CUT_POINTS`); here they become one table. Streams
and session messages have no cut points: no other body has their frames.

This reads no values and judges no JSON: it finds offsets, and any offsets do, for pieces put together are the body
again wherever it was cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from gemtap.dialects import (
    anthropic_messages,
    gemini_content,
    gemini_interactions,
    ollama,
    openai_chat,
    openai_responses,
)
from gemtap.dialects.cut_rules import Rule

SMALLEST: Final = 256
"""Bytes. What is shorter costs more to be referred to than to be kept again."""

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_MEMBER: Final = re.compile(rb"[ \t\r\n,]*+(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+", re.DOTALL)
_GAP: Final = re.compile(rb"[ \t\r\n,]*+")
_SCALAR: Final = re.compile(_STRING + rb"|[^ \t\r\n,\]}\[{\"]++", re.DOTALL)
_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+(?=[{\[])")

_TOKENS_A_BYTE: Final = 1 / 20
_TOKENS: Final = 10_000
"""With more tokens than this and that many a byte, a body is no conversation, and not worth the time."""


TABLE: Final[Mapping[bytes, Rule]] = {
    **gemini_content.CUT_POINTS,
    **gemini_interactions.CUT_POINTS,
    **ollama.CUT_POINTS,
    **openai_chat.CUT_POINTS,
    **openai_responses.CUT_POINTS,
    **anthropic_messages.CUT_POINTS,
}
"""The rules of all dialects. A name has the same rule in each of them, so no body needs to be attributed to one."""

_ENVELOPES: Final = (b'"request"', b'"response"')
"""Code Assist puts a whole request or answer under one of these names."""

_BODY: Final = Rule(members={**TABLE, **dict.fromkeys(_ENVELOPES, Rule(members=TABLE))})


class _NoJson(Exception):
    """The text is no valid JSON here, or parsing it would take too long."""


_SMALLEST_SPAN: Final = 32
"""Bytes. Values between this and `SMALLEST` are spans without cut points."""


class Span(NamedTuple):
    """A value of the kind around which a body is cut, and which is not within another one."""

    size: int
    rule: Rule
    is_element: bool
    """Whether it is an element of an array."""
    cuts: tuple[int, ...]
    """The cut points in it and at its ends, relative to its start."""
    tokens: int
    """How much of the scan's budget it takes."""


class Cuts(NamedTuple):
    """Where to cut a body."""

    points: list[int]
    """Offsets, ascending and unique."""
    spans: list[tuple[int, Span]]
    """Each span with its start, ascending."""


def cut_points(raw: bytes) -> list[int]:
    """Offsets at which to cut a body, ascending and unique; empty for an unknown format.

    Takes time linear in the body's size, and never raises an error, whatever the bytes.
    """
    return cuts_of(raw).points


def cuts_of(raw: bytes, known: Mapping[int, Span] | None = None) -> Cuts:
    """The cut points of a body, and its spans.

    `known` are spans of other bodies, by an offset in this one at which the same bytes are: they are not read again.
    They change nothing about the result.
    """
    opening = _OPENING.match(raw)
    if opening is None:
        return Cuts([], [])
    scan = _Scan(raw, known or {})
    try:
        scan.value(opening.end(), _BODY)
    except _NoJson:
        pass
    return Cuts(sorted(set(scan.cuts) - {0, len(raw)}), scan.spans)


class _Scan:
    def __init__(self, raw: bytes, known: Mapping[int, Span]) -> None:
        self._raw = raw
        self._known = known
        self._budget = _TOKENS + int(len(raw) * _TOKENS_A_BYTE)
        self.cuts: list[int] = []
        self.spans: list[tuple[int, Span]] = []
        self._is_in_span = False

    def value(self, start: int, rule: Rule, *, is_element: bool = False) -> int:
        """Cut the value that begins here by the rule, and return its end."""
        known = self._known.get(start)
        if known is not None and self._is_same(known, rule, is_element):
            self._budget -= known.tokens
            self.cuts += [start + cut for cut in known.cuts]
            self.spans.append((start, known))
            return start + known.size
        first = self._raw[start : start + 1]
        if first == b"[":
            return self._array(start, rule)
        if not rule.cut or self._is_in_span:
            return self._cut(start, first, rule, is_element)
        before, budget = len(self.cuts), self._budget
        self._is_in_span = True
        end = self._cut(start, first, rule, is_element)
        self._is_in_span = False
        if end - start >= _SMALLEST_SPAN and (is_element or not rule.elements_only):
            cuts = tuple(cut - start for cut in self.cuts[before:])
            self.spans.append((start, Span(end - start, rule, is_element, cuts, budget - self._budget)))
        return end

    def _is_same(self, known: Span, rule: Rule, is_element: bool) -> bool:
        """Whether reading the value would give this span again."""
        is_there = known.rule is rule and known.is_element == is_element and not self._is_in_span
        return is_there and known.tokens <= self._budget

    def _cut(self, start: int, first: bytes, rule: Rule, is_element: bool) -> int:
        end = self._object(start, rule) if first == b"{" and rule.members else self._skip(start)
        if rule.cut and end - start >= SMALLEST and (is_element or not rule.elements_only):
            self.cuts += (start, end)
        return end

    def _array(self, start: int, rule: Rule) -> int:
        position = self._gap(start + 1)
        while (first := self._raw[position : position + 1]) != b"]":
            # An array in an array is no message, and following it down would be a way to exhaust the stack.
            end = self._skip(position) if first == b"[" else self.value(position, rule, is_element=True)
            if self._raw[end : end + 2] == b",{":
                # What a gap mostly is, in a fraction of the time.
                self._spend(1)
                position = end + 1
            else:
                position = self._gap(end)
        return position + 1

    def _object(self, start: int, rule: Rule) -> int:
        position = start + 1
        while (member := _MEMBER.match(self._raw, position)) is not None:
            self._spend(1)
            inside = rule.members.get(member[1])
            position = self._skip(member.end()) if inside is None else self.value(member.end(), inside)
        position = self._gap(position)
        if self._raw[position : position + 1] != b"}":
            raise _NoJson
        return position + 1

    def _skip(self, start: int) -> int:
        if self._raw[start : start + 1] not in (b"{", b"["):
            scalar = _SCALAR.match(self._raw, start)
            if scalar is None:
                raise _NoJson
            return scalar.end()
        depth = 0
        for tokens, token in enumerate(_TOKEN.finditer(self._raw, start), 1):
            byte = self._raw[token.start()]
            if byte in b"{[":
                depth += 1
            elif byte in b"}]":
                depth -= 1
                if depth == 0:
                    self._spend(tokens)
                    return token.end()
            if tokens > self._budget:
                break
        raise _NoJson

    def _gap(self, position: int) -> int:
        self._spend(1)
        gap = _GAP.match(self._raw, position)
        assert gap is not None  # it matches the empty string too
        return gap.end()

    def _spend(self, tokens: int) -> None:
        self._budget -= tokens
        if self._budget < 0:
            raise _NoJson
