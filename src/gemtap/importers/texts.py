"""The bytes of a body of which a file has only the text, decoded in one way or another.

Programs that write HAR decode bodies. Most do it right, and encoding the text as UTF-8 gives the bytes back. But:

- mitmproxy decodes invalid UTF-8 with Python's `surrogateescape`, and writes halves of surrogate pairs;
- mitmproxy decodes what names no charset as Latin-1, Chromium as windows-1252: event streams, for instance, which are
  UTF-8 by their standard (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_ONLY: Final = re.compile("[\udc80-\udcff]")

_CONTROL: Final = re.compile("[\x80-\x9f]")
"""Control characters that texts do not have, and bytes read as Latin-1 do."""
_SINGLE_BYTE_NAMES: Final = re.compile(r"charset\s*=\s*\"?(iso-8859-1|latin-?1|windows-1252|cp1252)\b", re.IGNORECASE)

_EVENT_STREAM: Final = "text/event-stream"

_ASCII: Final = {byte: byte for byte in range(0x80)}
_LATIN_1: Final = {byte: byte for byte in range(0x100)}
_WINDOWS_1252: Final = _ASCII | {
    # https://encoding.spec.whatwg.org/#windows-1252: bytes without a character are control characters.
    ord(bytes([byte]).decode("windows-1252", "ignore") or chr(byte)): byte
    for byte in range(0x80, 0x100)
}
_SINGLE_BYTE: Final = (_WINDOWS_1252, _LATIN_1)
"""Characters to bytes."""

_FOLLOWING: Final = "".join(chr(char) for of in _SINGLE_BYTE for char, byte in of.items() if 0x80 <= byte < 0xC0)
_MOJIBAKE: Final = re.compile(f"[\u00c2-\u00f4][{re.escape(_FOLLOWING)}]")
"""The first two bytes of a character in UTF-8, as single-byte encodings show them."""

HALF_CHARACTERS: Final = "has halves of surrogate pairs; their bytes are not in the file, and U+FFFD stands for them"
WRONG_CHARSET: Final = (
    "seems to have been decoded with a wrong charset by the program that wrote the file; "
    "it is stored as it is in the file"
)


class Encoded(NamedTuple):
    """The bytes of a text."""

    content: bytes
    doubt: str | None = None
    """Why they may not be those that were sent. To stand after `the request` or `the response`."""


def encoded(text: str, content_type: str = "", size: int | None = None) -> Encoded:
    """The bytes that were decoded to this text. `size` is how many there were, if the file says so."""
    if text.isascii():
        return Encoded(text.encode("ascii"))
    if _SURROGATE.search(text):
        return _with_surrogates(text)
    content = text.encode()
    if _is_event_stream(content_type):
        right = _utf_8_read_as_single_bytes(text)
        if right is not None:
            return Encoded(right)
        return Encoded(content, WRONG_CHARSET if _MOJIBAKE.search(text) else None)
    if size is not None and size != len(content):
        for charset in reversed(_SINGLE_BYTE):
            single = _as_single_bytes(text, charset)
            if single is not None and len(single) == size and _are_plausible(single, text, content_type):
                return Encoded(single)
    return Encoded(content)


def _are_plausible(single: bytes, text: str, content_type: str) -> bool:
    """Whether more than the size speaks for these bytes: some programs count characters instead."""
    declares_charset = _SINGLE_BYTE_NAMES.search(content_type) is not None
    return declares_charset or _CONTROL.search(text) is not None or _is_utf_8(single)


def header_bytes(text: str) -> bytes:
    """A header, path or query as it was on the wire."""
    return encoded(text).content


def _with_surrogates(text: str) -> Encoded:
    if len(_SURROGATE.findall(text)) == len(_ESCAPED_ONLY.findall(text)):
        content = text.encode("utf-8", "surrogateescape")
        if content.decode("utf-8", "surrogateescape") == text:
            return Encoded(content)
    return Encoded(_SURROGATE.sub("\ufffd", text).encode(), HALF_CHARACTERS)


def _is_event_stream(content_type: str) -> bool:
    """Whether it is one whose charset was guessed."""
    mime, _, parameters = content_type.lower().partition(";")
    return mime.strip() == _EVENT_STREAM and "utf-8" not in parameters


def _utf_8_read_as_single_bytes(text: str) -> bytes | None:
    """The bytes, if they are UTF-8: text that is right does not become UTF-8 again by chance."""
    for charset in _SINGLE_BYTE:
        content = _as_single_bytes(text, charset)
        if content is not None and _is_utf_8(content):
            return content
    return None


def _as_single_bytes(text: str, charset: dict[int, int]) -> bytes | None:
    try:
        return codecs.charmap_encode(text, "strict", charset)[0]
    except UnicodeEncodeError:
        return None


def _is_utf_8(content: bytes) -> bool:
    """Whether this is UTF-8 and more than ASCII. A stream that was broken off may end within a character."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(content, final=False).isascii()
    except UnicodeDecodeError:
        return False
