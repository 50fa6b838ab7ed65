"""Whose request it is: the access key that a client shows, and the provider's key in its place.

A client shows its access key where it would give its API key, in a header, the query or a WebSocket's subprotocol, or
in `x-gemtap-key` beside an API key of its own. Wherever one stands, it never goes upstream.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from gemtap.access.key_file import Access
from gemtap.access.keys import FORM, HEADER, PREFIX, User
from gemtap.access.provider_keys import ProviderKeys
from gemtap.capture.events import RawHeaders
from gemtap.providers.declared_secrets import UNKNOWN
from gemtap.tap.client_request import ClientHead
from gemtap.tap.destinations import Destination
from gemtap.tap.errors import ExchangeFault, expired_key, invalid_key, no_provider_key
from gemtap.tap.masking import KeyMask

_NO_KEYS: Final = frozenset({b"cookie", b"set-cookie", b"x-guploader-uploadid", b"proxy-authorization"})
_HEADERS: Final = UNKNOWN.headers - _NO_KEYS
"""Request headers in which clients send an API key."""
_QUERIES: Final = UNKNOWN.queries

_READABLE: Final = (b"accept-encoding", b"identity")
"""A compressed answer could hide the key that it repeats."""

_PROTOCOLS: Final = b"sec-websocket-protocol"
_KEY: Final = re.compile(rb"(?<![A-Za-z0-9_-])" + FORM.pattern + rb"(?![A-Za-z0-9_-])")


def key_in(value: bytes) -> bytes | None:
    """The access key in the value of a header: bare, after `Bearer`, or as user name or password of `Basic`.

    `Proxy-Authorization` is one of these too (RFC 9110, section 11.7.2).
    """
    found = _KEY.search(value)
    if found is not None:
        return found[0]
    scheme, _, credentials = value.strip().partition(b" ")
    if scheme.lower() == b"basic":
        try:
            found = _KEY.search(base64.b64decode(credentials.strip(), validate=True))
        except binascii.Error:
            return None
    return found[0] if found is not None else None


class Admitted(NamedTuple):
    """A request of a known user, as it goes upstream."""

    user: User
    headers: RawHeaders
    query: bytes
    wants_key: bool
    """Whether it has no API key of its own, and gets one that Gemtap holds."""
    needs_key: bool
    """Whether the access key stood where an API key belongs, so that nothing is left there."""


class Admission:
    """Admits requests by their access key."""

    def __init__(self, access: Access, provider_keys: ProviderKeys) -> None:
        self._access = access
        self._provider_keys = provider_keys

    @property
    def is_on(self) -> bool:
        """Whether requests need an access key."""
        return self._access.is_on

    def user_of(self, key: bytes | None) -> User | ExchangeFault:
        """Whose access key it is, or why it is refused."""
        if key is None:
            return invalid_key()
        now = time.time()
        user = self._access.table.user_of(key, now)
        if user is not None:
            return user
        return expired_key() if self._access.table.user_of(key, 0) is not None else invalid_key()

    def admit(self, head: ClientHead) -> Admitted | ExchangeFault:
        """Whose request it is, without its access key."""
        # Through the forward proxy, it is shown when the tunnel is opened: requests in there stay as they are.
        own = head.proxied.access_key if head.proxied is not None else None
        shown: bytes | None = None
        is_named = False
        brings_own = False
        headers: RawHeaders = []
        for name, value in head.headers:
            if name == HEADER:
                own, is_named = key_in(value) or b"", True
                continue
            if name == _PROTOCOLS and PREFIX in value:
                shown = shown or key_in(value)
                value = _without_protocols(value)
            elif name in _HEADERS:
                key = key_in(value)
                if key is not None:
                    shown = shown or key
                    continue
                brings_own = True
            headers.append((name, value))
        query = head.query
        if query:
            query, key, has_other = _without_keys(query)
            shown = shown or key
            brings_own = brings_own or has_other
        # What is meant for Gemtap counts, be it right or wrong.
        user = self.user_of(shown if own is None else own)
        if isinstance(user, ExchangeFault):
            return user
        needs_key = shown is not None and not brings_own
        return Admitted(user, headers, query, needs_key or (is_named and not brings_own), needs_key)

    def with_provider_key(
        self, admitted: Admitted, destination: Destination, provider: str
    ) -> tuple[Admitted, KeyMask | None]:
        """The request with the key that Gemtap holds, and what hides the key from the client. Raises ExchangeFault."""
        if not admitted.wants_key:
            return admitted, None
        credential = destination.credential
        if credential is None:
            return admitted, None
        held = self._provider_keys.held(credential, provider, admitted.user.name) if destination.may_have_key else None
        if held is None:
            is_added = any(name == credential.header.encode() for name, _ in destination.added)
            if admitted.needs_key and credential.needed and not is_added:
                raise no_provider_key(destination.wire.title)
            return admitted, None
        dropped = (held.header[0], b"accept-encoding")
        headers = [each for each in admitted.headers if each[0] not in dropped]
        headers += (_READABLE, held.header)
        admitted = Admitted(admitted.user, headers, admitted.query, wants_key=False, needs_key=False)
        return admitted, KeyMask(held.key)


def _without_keys(query: bytes) -> tuple[bytes, bytes | None, bool]:
    """A query without access keys, the first of them, and whether it has another credential."""
    kept, key, has_other = [], None, False
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if value and unquote_to_bytes(name).lower() in _QUERIES:
            found = key_in(unquote_to_bytes(value))
            if found is not None:
                key = key or found
                continue
            has_other = True
        kept.append(part)
    return b"&".join(kept), key, has_other


def _without_protocols(value: bytes) -> bytes:
    return b",".join(each for each in value.split(b",") if _KEY.search(each) is None).strip()


def without_keys(protocols: Sequence[str]) -> list[str]:
    """Subprotocols of a WebSocket without those that are access keys."""
    return [each for each in protocols if _KEY.search(each.encode("latin-1", "replace")) is None]
