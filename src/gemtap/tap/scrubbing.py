"""Replaces known credentials in texts and streams, in any spelling."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

Found = dict[bytes, bytes]
"""Each credential that was seen in an exchange, and what takes its place. It grows while the exchange is under way."""

SHORTEST_SECRET: Final = 6
"""Shorter values are placeholders. Replacing them wherever they occur would only tear up texts."""

_HARMLESS: Final = 3
"""The first bytes of a credential, such as `AIz`, reveal nothing: a stream is not delayed for fewer bytes."""

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
"""What nothing escapes: RFC 3986, section 2.3."""

_PLAIN_RUN: Final = re.compile(rb"[A-Za-z0-9_.~-]+")

_LONGEST_SPELLING: Final = len(r"\u003d")


def scrub(text: bytes, found: Found) -> bytes:
    """The text with every credential replaced, however it is spelt there."""
    for credential, placeholder in found.items():
        # No spelling is shorter than what it spells: most headers cannot hold a key, and need no search.
        if len(text) >= len(credential) >= SHORTEST_SECRET:
            known = _known(credential)
            # A search for a plain text is much faster than one for a pattern, and mostly it is the end of the matter.
            if known.plain in text:
                text = known.pattern.sub(placeholder, text)
    return text


def may_hold(text: bytes, found: Found) -> bool:
    """Whether `scrub` may find anything. False is certain, and costs one plain search for each credential."""
    for credential in found:
        if len(text) >= len(credential) >= SHORTEST_SECRET and _known(credential).plain in text:
            return True
    return False


def scrub_torn(text: bytes, found: Found) -> bytes:
    """`scrub` for a text that was cut short, and may end in the first part of a credential."""
    text = scrub(text, found)
    return text[: _beginning(text, found)]


class Scrubber:
    """`scrub` for a stream of pieces: it holds back only the few bytes that could be the beginning of a credential."""

    def __init__(self, found: Found) -> None:
        """`found` may grow: later credentials are replaced in later chunks."""
        self._found = found
        self._given = b""
        """The end of the last output, if it is the harmless beginning of a credential."""
        self._held = b""
        self.changed = False
        """Whether anything was replaced or left out so far."""

    @property
    def holds(self) -> bool:
        """Whether anything is held back."""
        return bool(self._held)

    def add(self, piece: bytes) -> bytes:
        """What may be kept now."""
        if not self._found:
            return piece
        text = self._given + self._held + piece if self._given or self._held else piece
        clean = scrub(text, self._found)
        if clean is not text and clean != text:
            self.changed = True
        # If a credential began in the output, its rest has become a placeholder.
        given = len(self._given) if clean.startswith(self._given) else 0
        at = _beginning(clean, self._found)
        if at is None or len(clean) - at <= _HARMLESS:
            self._given, self._held = clean[at:] if at is not None else b"", b""
            return clean[given:]
        self._given, self._held = clean[at:given], clean[max(at, given) :]
        return clean[given:at]

    def end(self, *, whole: bool) -> bytes:
        """The delayed bytes at the end of a body: the beginning of a credential alone is none."""
        held, self._held, self._given = self._held, b"", b""
        if held and not whole:
            self.changed = True
            return b""
        return held


class _Known:
    """How one credential is looked for."""

    def __init__(self, credential: bytes) -> None:
        self.pattern = re.compile(b"".join(map(_spelling, credential)))
        self.plain = max(_PLAIN_RUN.findall(credential), key=len, default=b"")
        """The bytes that are the same in every spelling."""
        first = credential[:1]
        self.firsts = re.compile(b"[%b]" % re.escape(first if first[0] in _PLAIN else first + b"\\%"))
        """What every spelling begins with."""


@lru_cache(maxsize=256)
def _known(credential: bytes) -> _Known:
    return _Known(credential)


def _beginning(text: bytes, found: Found) -> int | None:
    """Start of an incomplete credential at the end of a text, or None."""
    first: int | None = None
    for credential in found:
        if len(credential) < SHORTEST_SECRET:
            continue
        known = _known(credential)
        is_plain = len(known.plain) == len(credential)
        if is_plain and text[-1:] not in credential:
            continue
        start = max(len(text) - len(credential) * (1 if is_plain else _LONGEST_SPELLING) + is_plain, 0)
        for match in known.firsts.finditer(text, start):
            at = match.start()
            if first is not None and at >= first:
                break
            if credential.startswith(text[at:]) if is_plain else _begins(text[at:], credential):
                first = at
                break
    return first


def _begins(text: bytes, credential: bytes) -> bool:
    """Whether the whole of the text is a beginning of the credential, its last character perhaps a torn escape."""
    # A `%` may be itself or the beginning of an escape: every way to read the text is followed.
    places = {0}
    for byte in credential:
        following = set()
        for place in places:
            for spelt in _spellings(byte):
                piece = text[place : place + len(spelt)]
                if piece.lower() == spelt.lower() and (len(spelt) > 2 or piece == spelt):
                    following.add(place + len(spelt))
                elif place + len(piece) == len(text) and spelt.lower().startswith(piece.lower()):
                    return True
        if len(text) in following:
            return True
        places = following
        if not places:
            return False
    return False


def _spellings(byte: int) -> tuple[bytes, ...]:
    plain = bytes([byte])
    return (plain,) if byte in _PLAIN else (plain, b"\\" + plain, b"%%%02x" % byte, b"\\u%04x" % byte)


def _spelling(byte: int) -> bytes:
    r"""A pattern for one byte of a credential: as it is, in a URL (`%3D`), in JSON (`\/`, `\u003d`), in any mixture."""
    char = re.escape(bytes([byte]))
    return char if byte in _PLAIN else rb"(?:\\?%b|(?i:%%%02x|\\u%04x))" % (char, byte, byte)
