"""Removes signatures of signed URLs and ids of resumable uploads from bodies: such a URL allows to read or write.

`https://storage.googleapis.com/b/o?X-Goog-Signature=...` is the form of Google and Amazon; Azure's parameter is `sig`.
They occur in requests with URLs of files, in responses with URLs of images, and in the pages of redirects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

import re2

from gemtap.providers.declared_secrets import UNKNOWN

_NAMES: Final = b"|".join(re.escape(name) for name in sorted(UNKNOWN.signatures))

# Between the parameters of a URL, perhaps within JSON, HTML or a parameter of another URL.
_BEFORE: Final = rb"(?:[?&]|\\u0026|\\u003[fF]|&amp;|%3[fF]|%26)"
_EQUALS: Final = rb"(?:=|\\u003[dD]|%3[dD])"
_VALUE: Final = rb"(?:[A-Za-z0-9_.~+/=-]|\\/|\\u003[dD]|%2[0-57-9bBdD-fF]|%3[dD]|%25)"

_SUSPECT: Final = re2.compile(rb"http[^\s\"'<>]*(?i:" + _NAMES + rb")" + _EQUALS)
"""Begins with a fixed text, so that RE2 finds the few places where to look at the speed of memory."""

_SIGNED: Final = re.compile(rb"(" + _BEFORE + rb"(?i:" + _NAMES + rb")" + _EQUALS + rb")(" + _VALUE + rb"{16,}+)")
_OPEN: Final = re.compile(
    _BEFORE + rb"(?i:" + _NAMES + rb")" + _EQUALS + rb"(?P<value>" + _VALUE + rb"*+(?:[%\\][0-9A-Za-z]{0,4})?)\Z"
)

_LONGEST: Final = 16_384
"""Number of bytes of a URL examined together if it arrives in chunks."""

_ENDS: Final = (b'"', b" ", b"\n")
"""What no URL goes on after."""

_TORN_SCHEMES: Final = (b"h", b"ht", b"htt")


def may_be_signed(text: bytes) -> bool:
    """Whether `clean_urls` may find anything. False is certain."""
    return b"http" in text and _SUSPECT.search(text) is not None


def clean_urls(text: bytes, take: Callable[[bytes], bytes]) -> bytes:
    """The text without signatures in its URLs. `take` gives what stands for one."""
    if not may_be_signed(text):
        return text
    return _SIGNED.sub(lambda found: found[1] + _placeholder(found[2], take), text)


def _placeholder(value: bytes, take: Callable[[bytes], bytes]) -> bytes:
    # A signature has digits: `sig=signature_of_the_url` is documentation.
    return take(_plain(value)) if any(byte in b"0123456789" for byte in value) else value


def _plain(value: bytes) -> bytes:
    return unquote_to_bytes(re.sub(rb"\\u003[dD]", b"=", value).replace(rb"\/", b"/"))


class UrlCleaner:
    """`clean_urls` for a stream of pieces: it holds back a signature that has begun, and nothing else."""

    def __init__(self, take: Callable[[bytes], bytes]) -> None:
        self._take = take
        self._before = b""
        """The output so far of an incomplete URL."""
        self._held = b""
        self.changed = False
        """Whether anything was replaced or left out so far."""

    @property
    def holds(self) -> bool:
        """Whether anything is held back."""
        return bool(self._held)

    def add(self, piece: bytes) -> bytes:
        """What may be kept now."""
        if not self._before:
            if piece.endswith(_ENDS):
                return self._cleaned(piece)
            text = piece
        else:
            text = self._before + self._held + piece
        given = len(self._before)
        self._before = self._held = b""
        at = _unended(text)
        if at is not None and (found := _OPEN.search(text, at)) is not None:
            text, self._held = text[: found.start("value")], text[found.start("value") :]
            if len(self._held) > _LONGEST:
                # No signature is so long. The rest is kept unchanged.
                text, self._held, at = text + self._held, b"", None
        clean = self._cleaned(text)
        if at is not None:
            self._before = clean[_unended(clean) :]
        return clean[given:]

    def end(self, *, whole: bool) -> bytes:
        """What was held back; without it where the body broke off."""
        before, held = self._before, self._held
        self._before = self._held = b""
        if not held:
            return b""
        if not whole:
            self.changed = True
            return b""
        return self._cleaned(before + held)[len(before) :]

    def _cleaned(self, text: bytes) -> bytes:
        clean = clean_urls(text, self._take)
        if clean is not text and clean != text:
            self.changed = True
            return clean
        return text


def _unended(text: bytes) -> int | None:
    """Start of a possibly incomplete URL at the end of a text, or None."""
    last = max(*map(text.rfind, _ENDS), len(text) - _LONGEST - 1) + 1
    tail = text[last:]
    at = tail.rfind(b"http")
    if at >= 0:
        return last + at
    if not tail.endswith(_TORN_SCHEMES):
        return None
    return len(text) - next(len(each) for each in _TORN_SCHEMES if tail.endswith(each))
