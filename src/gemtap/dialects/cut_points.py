"""Where a body can be cut so that its pieces are found again in other bodies.

Agents send everything said so far with each turn. Cut around messages, their parts, the system instruction and the
tools, all but the newest pieces of a request are those of the one before, and an answer is a piece of the next
request. The shapes are Gemini's, Code Assist's (in an envelope), the Interactions API's, OpenAI's and Anthropic's; in
each a name says enough, so nobody has to know whose body it is. Streams and session messages have no seams: no other
body has their frames.

This reads no values and judges no JSON: it finds offsets, and any offsets do, for pieces put together are the body
again wherever it was cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

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


@dataclass(frozen=True, slots=True)
class _Rule:
    """What to do with a value; of an array with each of its elements."""

    cut: bool = False
    """Cut before it and after it."""
    elements_only: bool = False
    """Do so with the elements of an array, and with nothing else: a text is no list of parts."""
    members: Mapping[bytes, _Rule] = field(default_factory=dict)
    """What to do with its members, by their names."""


_WHOLE: Final = _Rule(cut=True)
_PARTS: Final = _Rule(cut=True, elements_only=True)
_MESSAGE: Final = _Rule(cut=True, members={b'"parts"': _PARTS, b'"content"': _PARTS})

_CONVERSATION: Final[dict[bytes, _Rule]] = {
    b'"contents"': _MESSAGE,
    b'"messages"': _MESSAGE,
    b'"input"': _MESSAGE,
    b'"systemInstruction"': _WHOLE,
    b'"system_instruction"': _WHOLE,
    b'"instructions"': _WHOLE,
    b'"system"': _WHOLE,
    b'"tools"': _WHOLE,
    b'"candidates"': _Rule(members={b'"content"': _MESSAGE}),
    b'"choices"': _Rule(members={b'"message"': _MESSAGE}),
    b'"output"': _MESSAGE,
    b'"outputs"': _MESSAGE,
    b'"steps"': _MESSAGE,
}
_BODY: Final = _Rule(
    members={**_CONVERSATION, b'"request"': _Rule(members=_CONVERSATION), b'"response"': _Rule(members=_CONVERSATION)}
)


class _NoJson(Exception):
    """It does not go on as JSON does, or it is not worth the time."""


def seams(raw: bytes) -> list[int]:
    """Offsets at which to cut a body, ascending and without repeats: none where it has no known shape.

    Linear in the body's size, and whatever the bytes are it comes to an end without an error.
    """
    opening = _OPENING.match(raw)
    if opening is None:
        return []
    scan = _Scan(raw)
    try:
        scan.value(opening.end(), _BODY)
    except _NoJson:
        pass
    return sorted(scan.cuts - {0, len(raw)})


class _Scan:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._budget = _TOKENS + int(len(raw) * _TOKENS_A_BYTE)
        self.cuts: set[int] = set()

    def value(self, start: int, rule: _Rule, *, is_element: bool = False) -> int:
        """Cut the value that begins here as the rule says; where it ends."""
        first = self._raw[start : start + 1]
        if first == b"[":
            return self._array(start, rule)
        end = self._object(start, rule) if first == b"{" and rule.members else self._skip(start)
        if rule.cut and end - start >= SMALLEST and (is_element or not rule.elements_only):
            self.cuts |= {start, end}
        return end

    def _array(self, start: int, rule: _Rule) -> int:
        position = self._gap(start + 1)
        while self._raw[position : position + 1] != b"]":
            # An array in an array is no message, and following it down would be a way to exhaust the stack.
            is_array = self._raw[position : position + 1] == b"["
            position = self._gap(self._skip(position) if is_array else self.value(position, rule, is_element=True))
        return position + 1

    def _object(self, start: int, rule: _Rule) -> int:
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
