"""Credentials: found in a request, and replaced by a fingerprint before anything reaches the disk."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from gemtap.capture.events import RawHeaders
from gemtap.durable_files import sync_folder, write_draft

_HEADERS: Final = {
    b"x-goog-api-key",
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"proxy-authorization",
    b"cookie",
    b"set-cookie",
}
_QUERY_NAMES: Final = {b"key", b"access_token", b"api_key", b"oauth_token"}

_SCHEMES: Final = {b"bearer", b"token", b"basic"}

_SHORTEST_SECRET: Final = 6
"""Shorter values are placeholders. Replacing them wherever they occur would only tear up texts."""


class Fingerprints:
    """Short keyed hashes: they tell usage by key apart without telling the key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, credential: bytes) -> str:
        """Twelve hexadecimal digits."""
        return hashlib.blake2b(credential, key=self._secret, digest_size=6).hexdigest()

    def placeholder(self, credential: bytes) -> bytes:
        """What stands in a capture in the credential's place."""
        return b"[redacted:" + self.of(credential).encode("ascii") + b"]"


def load_fingerprint_secret(path: Path) -> bytes:
    """The secret of this data directory's fingerprints; made at the first call. Raises OSError."""
    while True:
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            _create(path, secrets.token_bytes(32))
            continue
        if len(secret) != 32:
            raise OSError(f"{path} is damaged. Remove it, and fingerprints of keys begin anew.")
        return secret


def _create(path: Path, secret: bytes) -> None:
    """Write the file whole or not at all: several workers may start at the same time."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that died here and had the same number
    write_draft(draft, secret)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A request's head as it may be kept, and what had to go."""

    headers: RawHeaders
    query: bytes
    key: str | None
    """Fingerprint of the credential."""
    found: dict[bytes, bytes]
    """Each credential, and what takes its place."""


def redact_request(headers: RawHeaders, query: bytes, fingerprints: Fingerprints) -> Redacted:
    """Replace every credential in a request's head."""
    found: dict[bytes, bytes] = {}
    kept_query = _redact_query(query, found, fingerprints) if query else query
    kept_headers = []
    for name, value in headers:
        if name in _HEADERS:
            value = _redact_header(name, value, found, fingerprints)
        kept_headers.append((name, value))
    # The first is the one that counts: clients that send a key twice send the same one twice.
    key = next(iter(found.values()), None)
    return Redacted(
        [(name, scrub(value, found)) for name, value in kept_headers] if found else kept_headers,
        kept_query,
        key[10:-1].decode("ascii") if key else None,
        found,
    )


def redact_response_headers(headers: RawHeaders, found: dict[bytes, bytes], fingerprints: Fingerprints) -> RawHeaders:
    """Replace cookies, and credentials of the request that the upstream repeats, as in a redirect's URL."""
    return [
        (name, _redact_header(name, value, {}, fingerprints) if name in _HEADERS else scrub(value, found))
        for name, value in headers
    ]


def _redact_header(name: bytes, value: bytes, found: dict[bytes, bytes], fingerprints: Fingerprints) -> bytes:
    scheme, space, credential = value.strip().partition(b" ")
    # Some put a scheme before an API key too: the key is the same without.
    has_scheme = name in (b"authorization", b"proxy-authorization") or scheme.lower() in _SCHEMES
    if not space or not has_scheme:
        scheme, credential = b"", value.strip()
    credential = credential.strip()
    if not credential:
        return value
    placeholder = found.setdefault(credential, fingerprints.placeholder(credential))
    return scheme + b" " + placeholder if scheme else placeholder


def _redact_query(query: bytes, found: dict[bytes, bytes], fingerprints: Fingerprints) -> bytes:
    parts = query.split(b"&")
    for index, part in enumerate(parts):
        name, equals, value = part.partition(b"=")
        if equals and value and unquote_to_bytes(name).lower() in _QUERY_NAMES:
            credential = unquote_to_bytes(value)
            placeholder = found.setdefault(credential, fingerprints.placeholder(credential))
            parts[index] = name + b"=" + placeholder
    return b"&".join(parts)


def scrub(text: bytes, found: dict[bytes, bytes]) -> bytes:
    """The text with every credential replaced, however it is spelt there."""
    for credential, placeholder in found.items():
        # No spelling is shorter than what it spells: most headers cannot hold a key, and need no search.
        if len(text) >= len(credential) >= _SHORTEST_SECRET:
            text = _pattern(credential).sub(placeholder, text)
    return text


def scrub_torn(text: bytes, found: dict[bytes, bytes]) -> bytes:
    """`scrub` for a text that was cut short, and may end in the first part of a credential."""
    text = scrub(text, found)
    for credential in found:
        window = len(text) - len(credential) * _LONGEST_SPELLING
        start = next((i for i in range(max(window, 0), len(text)) if _begins(text[i:], credential)), None)
        text = text[:start]
    return text


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
    return False


def _spellings(byte: int) -> tuple[bytes, ...]:
    plain = bytes([byte])
    return (plain,) if byte in _PLAIN else (plain, b"\\" + plain, b"%%%02x" % byte, b"\\u%04x" % byte)


_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
"""What nothing escapes: RFC 3986, section 2.3."""

_LONGEST_SPELLING: Final = len(r"\u003d")


def _spelling(byte: int) -> bytes:
    r"""A pattern for one byte of a credential: as it is, in a URL (`%3D`), in JSON (`\/`, `\u003d`), in any mixture."""
    char = re.escape(bytes([byte]))
    return char if byte in _PLAIN else rb"(?:\\?%b|(?i:%%%02x|\\u%04x))" % (char, byte, byte)


@lru_cache(maxsize=64)
def _pattern(credential: bytes) -> re.Pattern[bytes]:
    return re.compile(b"".join(map(_spelling, credential)))
