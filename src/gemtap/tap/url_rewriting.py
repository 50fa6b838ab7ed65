"""Rewrite the URLs in an answer's headers that name the upstream, so that later requests come back through the tap.

A resumable upload is the case that matters: Google's first answer names the URL for the file's bytes, and a client
would send them straight there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gemtap.addresses import DEFAULT_PORTS
from gemtap.capture.events import RawHeaders
from gemtap.tap.headers import value_of

_REDIRECTS: Final = {b"location", b"content-location"}


def names_urls(headers: RawHeaders, rewritten: frozenset[bytes]) -> bool:
    """Whether headers may have a URL to rewrite. Few answers do."""
    return any(name in rewritten or name in _REDIRECTS for name, _ in headers)


@dataclass(frozen=True, slots=True)
class UrlRewriter:
    """How the client reaches the upstream through the tap."""

    origin: bytes
    """Scheme and host of the tap as the client sees it."""
    prefix: bytes
    """Prefix of the path, such as `/gemini`; empty at the root."""
    upstream: str
    rewritten: frozenset[bytes]
    """Response headers with URLs of the API itself, even behind a gateway."""

    def rewrite(self, headers: RawHeaders) -> RawHeaders:
        """The headers with every such URL rewritten."""
        return [(name, self._rewritten(name, value)) for name, value in headers]

    def _rewritten(self, name: bytes, value: bytes) -> bytes:
        if name not in self.rewritten and name not in _REDIRECTS:
            return value
        upstream, url = urlsplit(self.upstream), urlsplit(value.decode("latin-1"))
        try:
            same = (url.scheme, url.hostname, url.port or DEFAULT_PORTS.get(url.scheme)) == (
                upstream.scheme,
                upstream.hostname,
                upstream.port or DEFAULT_PORTS.get(upstream.scheme),
            )
        except ValueError:
            return value  # its port is none
        if not url.hostname:
            return self._rewritten_path(value, upstream.path) if value.startswith(b"/") else value
        if not same and name not in self.rewritten:
            return value
        rest = value.partition(b"://")[2]
        slash = min((place for mark in b"/?#" if (place := rest.find(mark)) >= 0), default=len(rest))
        return self.origin + self._rewritten_path(rest[slash:], upstream.path)

    def _rewritten_path(self, path: bytes, base: str) -> bytes:
        """The upstream's path as one of the tap's: without the upstream's own prefix, with the tap's."""
        if base and path.startswith(base.encode("latin-1") + b"/"):
            path = path[len(base) :]
        return self.prefix + path


def client_origin(headers: RawHeaders, *, scheme: str, local: tuple[str, int | None] | None, trusted: bool) -> bytes:
    """Scheme and host by which the client reaches the tap.

    `trusted`: the request comes from a reverse proxy whose `X-Forwarded-Proto` and `-Host` are what the client sees;
    `local` is the tap's own address, for HTTP/1.0 clients that send no `Host`.
    """
    host = value_of(headers, b"host")
    seen = scheme.encode("ascii")
    if trusted:
        host = _first(value_of(headers, b"x-forwarded-host")) or host
        seen = _first(value_of(headers, b"x-forwarded-proto")) or seen
    if not host and local is not None:
        name = f"[{local[0]}]" if ":" in local[0] else local[0]
        host = f"{name}:{local[1]}".encode("ascii")
    return seen + b"://" + (host or b"localhost")


def _first(value: bytes | None) -> bytes:
    """What the front next to the client has said."""
    return (value or b"").partition(b",")[0].strip()
