"""Credentials: found in a request, and replaced by a fingerprint before anything reaches the disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from gemtap.access.keys import HEADER
from gemtap.capture.events import RawHeaders
from gemtap.durable_files import load_secret
from gemtap.providers.declared_secrets import UNKNOWN
from gemtap.tap.scrubbing import Found, may_hold, scrub

_HEADERS: Final = UNKNOWN.headers
_QUERY_NAMES: Final = UNKNOWN.queries
_SIGNATURES: Final = UNKNOWN.signatures

_IN_URL: Final = re.compile(
    # Also in a URL that is a parameter of another.
    rb"((?:[?&;]|%3f|%26)(?:" + b"|".join(map(re.escape, sorted(_QUERY_NAMES | _SIGNATURES))) + rb")(?:=|%3d))"
    rb"((?:(?!%26|%23)[^&\s\"'<>#,;])+)",
    re.IGNORECASE,
)
_IN_PROTOCOL: Final = re.compile(rb"([^,\s]*(?:key|token|bearer|authorization)[^,\s.]*\.)([^,\s]{8,})", re.IGNORECASE)
"""A subprotocol of a WebSocket that is a credential, as browsers have no other place for one:
`openai-insecure-api-key.KEY`."""

_SCHEMES: Final = {b"bearer", b"token", b"basic"}

_PLACEHOLDER: Final = re.compile(rb"\[redacted:[0-9a-f]+\]")

_SHORTEST_LEARNED: Final = 8
"""Shorter values in bodies are replaced at their place only, since they may be common words elsewhere."""

_NOT_TELLING: Final = re.compile(rb"[A-Za-z]{1,15}|[a-z]+/[A-Za-z0-9.+*-]+(?:;.*)?|[a-z]+://.*", re.DOTALL)
"""Words, media types and addresses, which occur at secret places and, without being secret, at many others."""


_LONGEST_REMEMBERED: Final = 8192
"""Bytes of a credential whose fingerprint is remembered."""


class Fingerprints:
    """Short keyed hashes, which distinguish keys without revealing them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # A client sends the same few again and again.
        self._remembered = lru_cache(maxsize=256)(self._compute)

    def of(self, credential: bytes) -> str:
        """Twelve hexadecimal digits."""
        return self._remembered(credential) if len(credential) <= _LONGEST_REMEMBERED else self._compute(credential)

    def _compute(self, credential: bytes) -> str:
        return hashlib.blake2b(credential, key=self._secret, digest_size=6).hexdigest()

    def placeholder(self, credential: bytes) -> bytes:
        """The placeholder of a credential in a capture."""
        return b"[redacted:" + self.of(credential).encode("ascii") + b"]"


def load_fingerprint_secret(path: Path) -> bytes:
    """The secret of this data directory's fingerprints; made at the first call. Raises OSError."""
    return load_secret(path)


@dataclass(slots=True)
class Redacted:
    """A request's head without credentials, and the credentials."""

    headers: RawHeaders
    query: bytes
    key: str | None
    """Fingerprint of the credential."""
    found: Found
    """Each credential of the exchange so far."""
    fingerprints: Fingerprints

    def take(self, credential: bytes) -> bytes:
        """The placeholder of a credential in a body, in the path or in a cookie.

        From now on, it is replaced everywhere in the exchange, unless the text is too common.
        """
        if not credential.strip() or _PLACEHOLDER.fullmatch(credential):
            return credential
        scheme, space, rest = credential.partition(b" ")
        if space and scheme.lower() in _SCHEMES:
            return scheme + b" " + self.take(rest.strip())
        placeholder = self.found.get(credential) or self.fingerprints.placeholder(credential)
        if len(credential) >= _SHORTEST_LEARNED and not _NOT_TELLING.fullmatch(credential):
            self.found[credential] = placeholder
        return placeholder

    def clean(self, text: str) -> str:
        """A text of Gemtap's own, such as an error, without the credentials of the exchange."""
        return scrub(text.encode("utf-8", "surrogatepass"), self.found).decode("utf-8", "surrogatepass")


def redact_request(
    headers: RawHeaders,
    query: bytes,
    fingerprints: Fingerprints,
    *,
    path_credentials: Iterable[bytes] = (),
    also_secret: Set[bytes] = frozenset(),
) -> Redacted:
    """Replace every credential in a request's head. `path_credentials` are those that its path has.

    `also_secret`: lower-case names of further headers that hold one.
    """
    found: Found = {}
    kept_query = _redact_query(query, _QUERY_NAMES, found, fingerprints) if query else query
    kept_headers = []
    cookies: list[bytes] = []
    access: Found = {}
    for name, value in headers:
        if name in _HEADERS or name in also_secret:
            if name == b"cookie":
                cookies.append(value)
            value = _redact_header(name, value, found, fingerprints)
        elif name == HEADER:
            value = _redact_header(name, value, access, fingerprints)
        kept_headers.append((name, value))
    # The first is the one that counts: clients that send a key twice send the same one twice.
    key = next(iter(found.values()), None)
    found.update(access)
    redacted = Redacted(kept_headers, kept_query, key[10:-1].decode("ascii") if key else None, found, fingerprints)
    for credential in path_credentials:
        redacted.take(unquote_to_bytes(credential))
    for cookie in cookies:
        for pair in cookie.split(b";"):
            redacted.take(pair.partition(b"=")[2].strip())
    if query:
        kept_query = _redact_query(kept_query, _SIGNATURES, found, fingerprints)
    redacted.headers = _scrub_values(_clean_values(kept_headers, redacted), found)
    redacted.query = scrub(kept_query, found)
    return redacted


def redact_response_headers(headers: RawHeaders, redacted: Redacted) -> RawHeaders:
    """Replace cookies, credentials in URLs, and those of the request that the upstream repeats."""
    kept = []
    for name, value in headers:
        if name in _HEADERS:
            redacted.take(value.partition(b";")[0].partition(b"=")[2].strip() if name == b"set-cookie" else value)
            value = _redact_header(name, value, {}, redacted.fingerprints)
        kept.append((name, value))
    return _scrub_values(_clean_values(kept, redacted), redacted.found)


def _scrub_values(headers: RawHeaders, found: Found) -> RawHeaders:
    """`scrub` for every value. Few headers hold a credential by now: all are searched at once."""
    if not may_hold(b"\n".join([value for _, value in headers]), found):
        return headers
    return [(name, scrub(value, found)) for name, value in headers]


def url_credentials(value: bytes) -> Iterator[bytes]:
    """The credentials of URLs in a header's value."""
    for found in _IN_URL.finditer(value):
        yield unquote_to_bytes(found[2])


def _clean_values(headers: RawHeaders, redacted: Redacted) -> RawHeaders:
    """Headers without the credentials in URLs that stand in them: of uploads, redirects, where one came from."""
    return [
        (name, _clean_value(name, value, redacted))
        if b"=" in value or b"%3" in value or name == b"sec-websocket-protocol"
        else (name, value)
        for name, value in headers
    ]


def _clean_value(name: bytes, value: bytes, redacted: Redacted) -> bytes:
    if name == b"sec-websocket-protocol":
        return _IN_PROTOCOL.sub(lambda found: found[1] + redacted.take(found[2]), value)
    return _IN_URL.sub(lambda found: found[1] + redacted.take(unquote_to_bytes(found[2])), value)


def _redact_header(name: bytes, value: bytes, found: Found, fingerprints: Fingerprints) -> bytes:
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


def _redact_query(query: bytes, names: Set[bytes], found: Found, fingerprints: Fingerprints) -> bytes:
    parts = query.split(b"&")
    for index, part in enumerate(parts):
        name, equals, value = part.partition(b"=")
        if equals and value and unquote_to_bytes(name).lower() in names:
            credential = unquote_to_bytes(value)
            placeholder = found.setdefault(credential, fingerprints.placeholder(credential))
            parts[index] = name + b"=" + placeholder
    return b"&".join(parts)
