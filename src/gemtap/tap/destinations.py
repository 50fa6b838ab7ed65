"""Where a path leads, and what is secret there: told once for each of the paths that come again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from gemtap.addresses import DEFAULT_PORTS, host_header, host_of, mask
from gemtap.providers import routing
from gemtap.providers.credential import Credential
from gemtap.providers.declared_secrets import UNKNOWN, secrets_of
from gemtap.providers.hosts import provider_of_host
from gemtap.providers.secrets import Operation
from gemtap.providers.wire import RawHeaders, Route, Wire
from gemtap.tap.proxied import Proxied, Target

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
    """Whether such a key may be sent there: the host is the configured one, not a client's choice, by TLS if it is."""
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
    asks: bool
    """Whether a POST to it may ask a model for something: limits count that."""
    model: str | None
    """The model that it names."""
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
        self._remembered_at = lru_cache(maxsize=_REMEMBERED)(self._find_at)

    def of(self, path: bytes) -> Place:
        """The place of a raw path."""
        return self._remembered(path) if len(path) <= _LONGEST_REMEMBERED else self._find(path)

    def at(self, proxied: Proxied, path: bytes) -> Place:
        """The place of a raw path at the host of a provider that the client asked the forward proxy for."""
        find = self._remembered_at if len(path) <= _LONGEST_REMEMBERED else self._find_at
        return find(proxied, path)

    def provider_at(self, target: Target) -> str | None:
        """The provider whose API is at a host and port: by its own hosts, or as the settings' upstream."""
        return provider_of_host(target.host) or next(
            (name for name, origin in self._origins.items() if _is_at(origin, target)), None
        )

    def is_upstream(self, target: Target) -> bool:
        """Whether the settings name this host and port as an upstream."""
        return any(_is_at(origin, target) for origin in self._origins.values())

    def _find(self, path: bytes) -> Place:
        route = routing.match(path)
        provider, upstream_path = (route.provider, route.path) if route is not None else ("", b"")
        return self._place(path, provider, upstream_path, self._destination(route) if route is not None else None)

    def _find_at(self, proxied: Proxied, path: bytes) -> Place:
        provider, target = proxied.provider, proxied.target
        wire = routing.wire_of(provider)
        # The host tells whose it is: a path that the provider does not know goes on as well.
        route = routing.route_below(provider, path) or Route(provider, path)
        is_redirected = self._origins[provider] != wire.upstream and not _is_at(self._origins[provider], target)
        destination = self._destination(route if is_redirected else Route(provider, path), target, is_redirected)
        return self._place(path, provider, route.path, destination)

    def _place(self, path: bytes, provider: str, upstream_path: bytes, destination: Destination | None) -> Place:
        asks, model = routing.asks(provider, upstream_path) if destination is not None else (False, None)
        return Place(
            provider=provider,
            upstream_path=upstream_path,
            destination=destination,
            operation=secrets_of(provider).of(upstream_path or path),
            asks=asks,
            model=model,
            credentials=tuple(UNKNOWN.in_path(path)),
            secret_headers=frozenset(name for name, _ in self._added.get(provider, ())),
        )

    def _destination(
        self, route: Route, target: Target | None = None, is_redirected: bool = True
    ) -> Destination | None:
        upstream = routing.origin_of(route, self._origins) if target is None or is_redirected else target.origin
        if upstream is None:
            return None
        host = host_of(upstream)
        wire = routing.wire_of(route.provider)
        return Destination(
            upstream=upstream,
            host=host_header(upstream),
            path=route.path,
            prefix=route.prefix,
            wire=wire,
            shown=mask(upstream),
            credential=routing.credential_of(route.provider, route.path),
            may_have_key=(wire.hosts_of_one_owner or host == host_of(self._origins[route.provider]))
            and (target is None or upstream.startswith("https://") or upstream == self._origins[route.provider]),
            added=self._added.get(route.provider, []),
        )


def _is_at(origin: str, target: Target) -> bool:
    """Whether an upstream's URL has this host and port."""
    parts = urlsplit(origin)
    return parts.hostname == target.host and (parts.port or DEFAULT_PORTS[parts.scheme]) == target.port
