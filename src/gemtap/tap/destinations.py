"""Where a path leads, and what is secret there: told once for each of the paths that come again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gemtap.addresses import host_of, mask
from gemtap.providers import routing
from gemtap.providers.credential import Credential
from gemtap.providers.declared_secrets import UNKNOWN, secrets_of
from gemtap.providers.secrets import Operation
from gemtap.providers.wire import RawHeaders, Route, Wire

_REMEMBERED: Final = 512
"""Paths: a client mostly uses a few."""

_LONGEST_REMEMBERED: Final = 1024
"""Bytes of a path. Longer ones, of up to 256 KB, are read each time."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where requests with one path go."""

    upstream: str
    """Scheme, host and perhaps a prefix of the path."""
    host: bytes
    """Value of the Host header."""
    path: bytes
    """The raw path for the upstream."""
    prefix: bytes
    """What stood before it in the client's path, such as `/gemini`."""
    wire: Wire
    """The provider's."""
    shown: str
    """The upstream without its password."""
    credential: Credential | None
    """How a key that Gemtap holds is sent there; None where Gemtap cannot hold one."""
    may_have_key: bool
    """Whether such a key may be sent there: the host is the configured one, not a client's choice."""
    added: RawHeaders
    """Headers of the settings, for requests of clients that send none of that name."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of one path."""

    provider: str
    """Name; empty if no provider knows the path."""
    upstream_path: bytes
    destination: Destination | None
    """None if the path is not forwarded."""
    operation: Operation
    """What is secret in its bodies."""
    credentials: tuple[bytes, ...]
    """Those that stand in the path."""
    secret_headers: frozenset[bytes]
    """Lower-case names of request headers that are secret beside those of every API: the ones of the settings."""


class Destinations:
    """Finds the place of a path."""

    def __init__(self, origins: Mapping[str, str], added: Mapping[str, RawHeaders]) -> None:
        """The upstream of each provider, see `routing.origin_of`, and the headers that are added to its requests."""
        self._origins = origins
        self._added = added
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._find)

    def of(self, path: bytes) -> Place:
        """The place of a raw path."""
        return self._remembered(path) if len(path) <= _LONGEST_REMEMBERED else self._find(path)

    def _find(self, path: bytes) -> Place:
        route = routing.match(path)
        provider, upstream_path = (route.provider, route.path) if route is not None else ("", b"")
        return Place(
            provider=provider,
            upstream_path=upstream_path,
            destination=self._destination(route) if route is not None else None,
            operation=secrets_of(provider).of(upstream_path or path),
            credentials=tuple(UNKNOWN.in_path(path)),
            secret_headers=frozenset(name for name, _ in self._added.get(provider, ())),
        )

    def _destination(self, route: Route) -> Destination | None:
        upstream = routing.origin_of(route, self._origins)
        if upstream is None:
            return None
        host = host_of(upstream)
        wire = routing.wire_of(route.provider)
        host_header = host.encode("ascii" if host.isascii() else "idna")
        return Destination(
            upstream=upstream,
            host=host_header,
            path=route.path,
            prefix=route.prefix,
            wire=wire,
            shown=mask(upstream),
            credential=routing.credential_of(route.provider, route.path),
            may_have_key=wire.hosts_of_one_owner or host == host_of(self._origins[route.provider]),
            added=self._added.get(route.provider, []),
        )
