"""JSON read from pieces, to know which text stands at which path: RFC 8259, and nothing more lenient.

A body may be several values with anything between them, as server-sent events and JSON lines are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gemtap.providers.secrets import Paths, plain

_DEEPEST: Final = 1000
_LONGEST_NAME: Final = 512
"""Maximum length of a name, in bytes as written. No path has a longer one."""
_LONGEST_SECRET: Final = 2**16
"""Number of bytes of a secret, as written, from which its fingerprint is computed."""

# What has to come next. Plain numbers: they are compared for each token.
_BETWEEN: Final = 0
_NAME_OR_END: Final = 1
_NAME: Final = 2
_COLON: Final = 3
_VALUE: Final = 4
_VALUE_OR_END: Final = 5
_COMMA_OR_END: Final = 6
_REST_OF_NAME: Final = 7
_REST_OF_TEXT: Final = 8
_REST_OF_SECRET: Final = 9
_REST_OF_WORD: Final = 10
_REST_OF_SECRET_WORD: Final = 11

_UP_TO_A_VALUE: Final = re.compile(rb"[^{\[]*+")
_S: Final = rb"(?:[ \t\r\n]++|data:)*+"
"""Space between tokens. Server-sent events have `data:` before each line of a value."""
_T: Final = rb'(?:[^"\\]++|\\.)*+'
_W: Final = rb"[-0-9a-zA-Z][-+.0-9a-zA-Z]*+"
_SPACE: Final = re.compile(_S)
_TEXT: Final = re.compile(_T, re.DOTALL)
_WORD: Final = re.compile(rb"[-+.0-9a-zA-Z]*+")


@lru_cache(maxsize=1)
def _runs() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Members of an object, and values of an array, as many as are whole and not nested too deep for a pattern."""
    text = b'"' + _T + b'"'
    value = text + b"|" + _W
    for _ in range(_LEVELS):
        members = rb"(?:%b%b:%b(?:%b)%b(?:,%b(?=\")|(?=\})))*+" % (text, _S, _S, value, _S, _S)
        values = rb"(?:(?:%b)%b(?:,%b(?!\])|(?=\])))*+" % (value, _S, _S)
        value = rb"%b|%b|\{%b%b\}|\[%b%b\]" % (text, _W, _S, members, _S, values)
    member = rb"(?:%b%b%b:%b(?:%b)%b,)*+" % (_S, text, _S, _S, value, _S)
    return re.compile(member, re.DOTALL), re.compile(rb"(?:%b(?:%b)%b,)*+" % (_S, value, _S), re.DOTALL)


_LEVELS: Final = 5
"""Messages with parts, calls and their arguments are nested so deep."""


class NotJson(Exception):
    """What was added is not JSON."""


class Scanner:
    """Reads a body, and replaces the values at secret paths."""

    def __init__(self, paths: Paths, take: Callable[[bytes], bytes], *, alone: bool = False) -> None:
        """`take` gives what stands for a secret: text that JSON need not escape.

        `alone`: what is added is one object or array and space around it, else it is not JSON.
        """
        self._paths = paths
        self._take = take
        self._alone = alone
        self._next = _BETWEEN
        self._open = bytearray()
        """What closes each object and array that is open."""
        self._names: list[str] = []
        """The names of the enclosing members, one for each open object."""
        self._secret: list[bool] = []
        """Whether the value of each of them is secret."""
        self._token = b""
        """The part of a name or a secret that has arrived."""
        self._after_backslash = False
        self._kept: list[bytes] = []
        self._copied = 0
        self.masked = False
        """Whether anything was replaced so far."""
        self.has_read = False
        """Whether any value has begun so far."""

    @property
    def is_between(self) -> bool:
        """Whether no value is under way."""
        return self._next == _BETWEEN

    @property
    def may_lead_to_secrets(self) -> bool:
        """Whether this is in a member on a path to secrets."""
        return any(name in self._paths.rare for name in self._names)

    def add(self, piece: bytes) -> bytes:
        """The piece without secrets. Raises NotJson: nothing of the piece may then be kept."""
        self._kept, self._copied = [], 0
        at = 0
        while at < len(piece):
            at = self._step(piece, at)
        self._kept.append(piece[self._copied :])
        return b"".join(self._kept)

    def skip(self, piece: bytes) -> None:
        """Read a piece that carries no secret, for the most part at the speed of C. Raises NotJson."""
        at = 0
        members, values = _runs()
        while at < len(piece):
            if self._next in (_NAME, _NAME_OR_END):
                if (end := _end(members, piece, at)) > at:
                    at, self._next = end, _NAME
            elif (
                self._next in (_VALUE, _VALUE_OR_END)
                and self._open[-1:] == b"]"
                and (end := _end(values, piece, at)) > at
            ):
                at, self._next = end, _VALUE
            if at < len(piece):
                at = self._step(piece, at)

    def _step(self, piece: bytes, at: int) -> int:
        """Read one token, or what of it has come; give where the next one begins."""
        if self._next >= _REST_OF_WORD:
            return self._word(piece, at)
        if self._next >= _REST_OF_NAME:
            return self._text(piece, at)
        if self._next == _BETWEEN:
            at = _end(_SPACE if self._alone else _UP_TO_A_VALUE, piece, at)
            if at < len(piece):
                if piece[at] not in b"{[" or (self._alone and self.has_read):
                    raise NotJson
                self.has_read = True
                self._enter(piece[at : at + 1])
            return at + 1
        at = _end(_SPACE, piece, at)
        if at == len(piece):
            return at
        self._token_comes(piece[at : at + 1])
        # A word's first byte is part of what is read next.
        return at if self._next >= _REST_OF_WORD else at + 1

    def _text(self, piece: bytes, start: int) -> int:
        # A torn escape: its first byte may be a quote, whatever follows is ordinary text.
        end = _end(_TEXT, piece, start + 1 if self._after_backslash else start)
        self._after_backslash = piece[end : end + 1] == b"\\"
        if self._after_backslash:
            end = len(piece)
        is_over = end < len(piece)
        if self._next == _REST_OF_NAME:
            self._token += piece[start : min(end, start + _LONGEST_NAME)]
        elif self._next == _REST_OF_SECRET:
            self._leave_out(piece, start, end)
            if is_over:
                self._kept.append(self._placeholder())
        if is_over:
            if self._next == _REST_OF_NAME:
                self._name_came()
            else:
                self._next = _COMMA_OR_END
        return end + 1

    def _word(self, piece: bytes, start: int) -> int:
        end = _end(_WORD, piece, start)
        if self._next == _REST_OF_SECRET_WORD:
            self._leave_out(piece, start, end)
            if end < len(piece):
                # A secret may be a number. Its placeholder is a string, and needs quotes.
                self._kept.append(b'"%b"' % self._placeholder())
        if end < len(piece):
            self._next = _COMMA_OR_END
        return end

    def _leave_out(self, piece: bytes, start: int, end: int) -> None:
        self._token += piece[start : min(end, start + _LONGEST_SECRET - len(self._token))]
        self._kept.append(piece[self._copied : start])
        self._copied = end
        self.masked = True

    def _placeholder(self) -> bytes:
        secret, self._token = _unescaped(self._token), b""
        return self._take(secret) if secret else b""

    def _token_comes(self, token: bytes) -> None:
        """One byte that is neither space nor within a text or a word."""
        expected = self._next
        if token == b'"' and expected in (_NAME, _NAME_OR_END):
            self._token, self._next = b"", _REST_OF_NAME
        elif token == b'"' and expected in (_VALUE, _VALUE_OR_END):
            self._token = b""
            self._next = _REST_OF_SECRET if self._is_secret() else _REST_OF_TEXT
        elif token == b":" and expected == _COLON:
            self._next = _VALUE
        elif token == b"," and expected == _COMMA_OR_END:
            self._next = _NAME if self._open[-1:] == b"}" else _VALUE
        elif token in (b"{", b"[") and expected in (_VALUE, _VALUE_OR_END):
            self._enter(token)
        elif token in (b"}", b"]") and expected in (_COMMA_OR_END, _NAME_OR_END, _VALUE_OR_END):
            self._leave(token)
        elif (token == b"-" or token.isalnum()) and expected in (_VALUE, _VALUE_OR_END):
            self._token = b""
            # `true`, `false` and `null` are never secret.
            is_secret = self._is_secret() and token not in (b"t", b"f", b"n")
            self._next = _REST_OF_SECRET_WORD if is_secret else _REST_OF_WORD
        else:
            raise NotJson

    def _enter(self, token: bytes) -> None:
        if len(self._open) >= _DEEPEST:
            raise NotJson
        if token == b"{":
            self._open += b"}"
            self._names.append("")
            self._secret.append(False)
            self._next = _NAME_OR_END
        else:
            self._open += b"]"
            self._next = _VALUE_OR_END

    def _leave(self, token: bytes) -> None:
        if self._open[-1:] != token:
            raise NotJson
        self._open.pop()
        if token == b"}":
            self._names.pop()
            self._secret.pop()
        self._next = _COMMA_OR_END if self._open else _BETWEEN

    def _name_came(self) -> None:
        is_short = len(self._token) < _LONGEST_NAME
        self._names[-1] = plain(_unescaped(self._token).decode("utf-8", "replace")) if is_short else ""
        self._secret[-1] = self._paths.lead_to(self._names)
        self._next = _COLON

    def _is_secret(self) -> bool:
        return bool(self._secret) and self._secret[-1]


def _end(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = pattern.match(piece, at)
    assert found is not None  # each of them matches nothing too
    return found.end()


def _unescaped(text: bytes) -> bytes:
    """The text of a JSON string without its quotes. The only JSON that the proxy decodes is what it takes out."""
    if b"\\" not in text:
        return text
    try:
        decoded: str = json.loads(b'"%b"' % text, strict=False)
    except ValueError:
        return text
    return decoded.encode("utf-8", "surrogatepass")
