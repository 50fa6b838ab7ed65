"""Texts at secret paths of a JSON body, replaced in the copy of it that is captured, while it passes in pieces.

Nothing is parsed into values, and the traffic waits for nothing. There are two stages, for most bodies carry no secret:

1. Each piece is searched for the names that secret paths have, at the speed of C. Until one is found everything is kept
   as it is; what has passed is remembered, because where it has led to counts from then on.
2. From then on the body is read token by token (`json_scanner`), and a text at a secret path is replaced.

What is not JSON by RFC 8259 is ambiguous: an upstream that reads more leniently may see a member where this sees a
text. Where that turns out in the second stage, nothing that follows is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final

from gemtap.providers.secrets import Paths
from gemtap.tap.json_scanner import NotJson, Scanner

NOT_JSON: Final = "it may hold credentials, and is not valid JSON from some place on"

_REMEMBERED: Final = 4 * 2**20
"""Bytes of a body that are remembered. A longer one is read token by token from there on, which costs more time."""

_REMEMBERED_BY_ALL: Final = 64 * 2**20
"""Bytes that all bodies of this process together remember."""

_SHORT: Final = 2**14
"""Bytes of a piece for which a copy takes less time than another search."""

_NAMES_WITHOUT_QUOTES: Final = re.compile(rb"\s*+(?:\[\s*+)?\{\s*+[^\s\"}]")
"""The beginning of something like JSON. Google's APIs read such names, and single quotes."""

_EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_EVENT_END: Final = re.compile(b"|".join(_EVENT_ENDS))


class _Memory:
    def __init__(self) -> None:
        self.used = 0


_memory: Final = _Memory()


def may_lead_to_secrets(paths: Paths, body: bytes, *, strict: bool) -> bool:
    """Whether a `Masker` may change anything in a whole body. False is certain."""
    return paths.may_be_in(body) or (strict and _has_names_without_quotes(body[: Paths.REACH]))


def _has_names_without_quotes(beginning: bytes) -> bool:
    return _NAMES_WITHOUT_QUOTES.match(beginning) is not None


class Masker:
    """One body on its way: `add` every piece of it, then `close`."""

    def __init__(self, paths: Paths, take: Callable[[bytes], bytes], *, events: bool, strict: bool) -> None:
        """`take` gives what stands for a secret. `events`: the body is a stream of server-sent events.

        `strict`: names without double quotes make the body one that may hold credentials.
        """
        self._paths = paths
        self._take = take
        self._events = events
        self._strict = strict
        self._scanner: Scanner | None = None
        """Made when it is needed: most bodies, and most events of a stream, carry no secret."""
        self._passed: list[bytes] = []
        """What has passed and the scanner has not read: nothing secret."""
        self._remembered = 0
        self._overlap = b""
        self._size = 0
        self._is_lost = False
        """It is not JSON, and nothing secret has passed so far."""
        self._digest: hashlib._Hash | None = None
        self.masked = False
        """Whether anything was replaced or left out so far."""
        self.fault: str | None = None
        """Why everything from some place on was left out."""

    @property
    def digest(self) -> hashlib._Hash | None:
        """The SHA-256 of all that has passed. Known where a body was masked that has no events."""
        return self._digest

    def add(self, piece: bytes) -> bytes:
        """The chunk without secrets."""
        kept = b"" if self.fault is not None else self._kept(piece)
        if self._digest is not None:
            self._digest.update(piece)
        self._size += len(piece)
        return kept

    def close(self) -> None:
        """Forget what is remembered."""
        _memory.used -= self._remembered
        self._remembered = 0
        self._passed.clear()

    def _kept(self, piece: bytes) -> bytes:
        before = self._overlap
        self._overlap = (before + piece)[-Paths.REACH :] if len(piece) < Paths.REACH else piece[-Paths.REACH :]
        if not self._may_lead_to_secrets(before, piece):
            self._remember(piece)
            return piece
        if not self._events:
            return self._masked(piece)
        window = before + piece
        kept = []
        at = 0
        # An end may have begun in the piece before.
        for end in _EVENT_END.finditer(window, max(len(window) - len(piece) - 3, 0)):
            after = end.end() - (len(window) - len(piece))
            if after > at:
                kept.append(self._masked(piece[at:after]))
                at = after
            self._begin_event()
        return b"".join((*kept, self._masked(piece[at:])))

    def _masked(self, piece: bytes) -> bytes:
        try:
            if self._is_lost or self.fault is not None:
                raise NotJson
            scanner = self._catch_up()
            kept = scanner.add(piece)
        except NotJson:
            self.fault, self.masked = NOT_JSON, True
            return b""
        self.masked = self.masked or scanner.masked
        return kept

    def _begin_event(self) -> None:
        """Server-sent events are values of their own: nothing before counts."""
        self.close()
        self._scanner = None
        self._is_lost = False

    def _may_lead_to_secrets(self, before: bytes, piece: bytes) -> bool:
        if self._scanner is not None and self._scanner.may_lead_to_secrets:
            return True
        # A name may have begun in the piece before.
        if len(piece) < _SHORT:
            torn = before + piece
            if self._paths.may_be_in(torn):
                return True
        else:
            torn = before + piece[: Paths.REACH]
            if self._paths.may_be_in(piece) or (before and self._paths.may_be_in(torn)):
                return True
        return self._strict and self._size < Paths.REACH and _has_names_without_quotes(torn)

    def _remember(self, piece: bytes) -> None:
        if self._events:
            if piece.endswith(_EVENT_ENDS):
                self._begin_event()
                return
            # An end may have begun in the piece before.
            seen = self._overlap[-len(piece) - 3 :] if len(piece) < Paths.REACH - 3 else piece
            ends = [end for each in _EVENT_ENDS if (end := seen.rfind(each) + len(each)) >= len(each)]
            if ends:
                self._begin_event()
                piece = seen[max(ends) :]
        if self._is_lost:
            return
        self._passed.append(piece)
        self._remembered += len(piece)
        _memory.used += len(piece)
        if self._remembered > _REMEMBERED or _memory.used > _REMEMBERED_BY_ALL:
            try:
                self._catch_up()
            except NotJson:
                # That matters only if a name of a secret is still to come.
                self._is_lost = True

    def _catch_up(self) -> Scanner:
        """The scanner, which has read all that has passed. Raises NotJson."""
        scanner = self._scanner = self._scanner or Scanner(self._paths, self._take)
        passed = b"".join(self._passed)
        self.close()
        if self._digest is None and len(passed) == self._size:
            self._digest = hashlib.sha256(passed)
        scanner.skip(passed)
        return scanner
