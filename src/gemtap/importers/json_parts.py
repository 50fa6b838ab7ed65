"""Parts of a large JSON file, one at a time: the elements of an array or the members of an object, as they stand there.

A parser of streams ends with the first thing that it does not understand. Here only strings and brackets count, so that
an element which cannot be parsed does not end the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final, NamedTuple

LONGEST: Final = 2**30
"""Bytes of a part. Two bodies of `capture_max_body` (256 MiB) in Base64 have fewer."""

_TORN: Final = "the file ends in the middle of it"

_CHUNK: Final = 2**20

_NEXT: Final = re.compile(rb'["{}\[\],:]')
_IN_STRING: Final = re.compile(rb'["\\]')
_NESTED: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
"""A whole string, or the beginning of one that goes on after the buffer, or a bracket."""


class Part(NamedTuple):
    """An element of an array, or a member of an object."""

    name: str | None
    """The name of a member, None for an element."""
    raw: bytes
    fault: str | None
    """Why it cannot be parsed, if that is known already."""


def parse(raw: bytes) -> Any:
    """The value of a part. Bytes that are no UTF-8 become lone surrogates, as with `surrogateescape`. ValueError."""
    return json.loads(raw.decode("utf-8", "surrogateescape"), strict=False)


def parts(file: IO[bytes], path: Sequence[str]) -> Iterator[Part]:
    """The parts of the value that is found by these names from the outermost object on. The file has to be seekable.

    Whoever reads `file` in between does no harm. Nothing comes if there is no such value.
    """
    scanner = _Scanner(file)
    for name in path:
        if not scanner.enter(name):
            if scanner.has_ended:
                yield Part(None, b"", _TORN)
            return
    yield from scanner.parts()


class _Token(NamedTuple):
    kind: bytes
    """`"` for a string, otherwise the character itself; empty at the end of the file."""
    start: int
    end: int


class _Scanner:
    """Goes through the file from its present place on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        """Where the buffer begins in the file."""
        self._buffer = b""
        self._at = 0
        """The place in the buffer."""
        self.has_ended = False
        """Whether the file has come to its end."""

    def enter(self, name: str) -> bool:
        """Go into the object that comes next, to the value of this member. False if there is none."""
        if self._next().kind != b"{":
            return False
        while (token := self._next()).kind == b'"':
            if self._next().kind != b":":
                return False
            if self._name(token) == name:
                return True
            if self._skip_value().kind != b",":
                return False
        return False

    def parts(self) -> Iterator[Part]:
        """The parts of the array or object that comes next."""
        opened = self._next()
        if opened.kind not in (b"{", b"["):
            if not opened.kind:
                yield Part(None, b"", _TORN)
            return
        is_object = opened.kind == b"{"
        while True:
            name = None
            if is_object:
                token = self._next()
                if token.kind != b'"' or self._next().kind != b":":
                    if self.has_ended:
                        yield Part(None, b"", _TORN)
                    return
                name = self._name(token)
            start = self._place
            end = self._skip_value()
            if end.start - start > LONGEST:
                yield Part(name, b"", f"it is longer than {LONGEST:,} bytes")
            elif not end.kind:
                yield Part(name, b"", _TORN)
            elif (raw := self._read(start, end.start).strip()) or end.kind == b",":
                yield Part(name, raw, None)
            if end.kind != b",":
                return

    @property
    def _place(self) -> int:
        return self._start + self._at

    def _skip_value(self) -> _Token:
        """Go past a value and what ends it, which is returned: a comma, or the bracket around it."""
        while True:
            token = self._next()
            if token.kind in (b"{", b"["):
                self._skip_nested()
            elif token.kind in (b"}", b"]", b",", b""):
                return token

    def _skip_nested(self) -> None:
        """Go past the bracket that closes the one that was read last."""
        depth = 1
        while depth:
            for found in _NESTED.finditer(self._buffer, self._at):
                self._at = found.end()
                match found[0]:
                    case b"{" | b"[":
                        depth += 1
                    case b"}" | b"]":
                        depth -= 1
                        if not depth:
                            return
                    case b'"':
                        self._skip_string()
                        break
            else:
                if not self._fill():
                    return

    def _name(self, token: _Token) -> str | None:
        try:
            return str(parse(self._read(token.start, token.end)))
        except ValueError:
            return None

    def _next(self) -> _Token:
        """The next token; strings are passed whole."""
        found = self._find(_NEXT)
        if found is None:
            return _Token(b"", self._place, self._place)
        start = self._place - 1
        if found == b'"' and not self._skip_string():
            return _Token(b"", self._place, self._place)
        return _Token(found, start, self._place)

    def _skip_string(self) -> bool:
        """Go past the end of the string that has begun; False if the file ends before it."""
        while (found := self._find(_IN_STRING)) == b"\\":
            self._skip_one()
        return found is not None

    def _find(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Go past what the pattern finds next, which is returned; None at the end of the file."""
        while (found := pattern.search(self._buffer, self._at)) is None:
            if not self._fill():
                return None
        self._at = found.end()
        return found[0]

    def _skip_one(self) -> None:
        if self._at < len(self._buffer) or self._fill():
            self._at += 1

    def _fill(self) -> bool:
        """Replace the buffer, in which nothing is left to find."""
        self._start += len(self._buffer)
        self._at = 0
        self._file.seek(self._start)
        self._buffer = self._file.read(_CHUNK)
        self.has_ended = not self._buffer
        return not self.has_ended

    def _read(self, start: int, end: int) -> bytes:
        if self._start <= start and end <= self._start + len(self._buffer):
            return self._buffer[start - self._start : end - self._start]
        self._file.seek(start)
        return self._file.read(end - start)
