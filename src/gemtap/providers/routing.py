"""Which provider a path belongs to, and where it goes. The tap uses only this part and the wire faces: no parsing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gemtap.providers.credential import Credential
from gemtap.providers.registry import PROVIDERS, derived, report
from gemtap.providers.wire import RawHeaders, Route, Wire, asks_of


@dataclass(frozen=True, slots=True)
class _Table:
    """What paths are matched with."""

    at_root: Sequence[Wire]
    by_prefix: Mapping[bytes, Wire]
    prefix: re.Pattern[bytes]


@derived
def _table() -> _Table:
    wires = [provider.wire for provider in PROVIDERS.values()]
    by_prefix = {wire.prefix.encode("ascii"): wire for wire in wires}
    return _Table(
        at_root=sorted(wires, key=lambda wire: wire.root_order),
        by_prefix=by_prefix,
        prefix=re.compile(rb"/+(" + b"|".join(map(re.escape, by_prefix)) + rb")(?=/)"),
    )


def _known(wire: Wire) -> str:
    return f"{wire.root_paths} ({wire.title}, also under /{wire.prefix})" if wire.root_paths else f"/{wire.prefix}/..."


@derived
def known() -> str:
    """What `match` knows, for people."""
    return "; ".join(_known(provider.wire) for provider in PROVIDERS.values())


def match(path: bytes) -> Route | None:
    """The route of a raw path as a client sent it, or None where no provider knows it."""
    table = _table()
    prefix = table.prefix.match(path)
    if prefix is None:
        at_root = table.at_root
        return next((route for wire in at_root if (route := _ask(wire, wire.route_at_root, path)) is not None), None)
    wire = table.by_prefix[prefix[1]]
    route = _ask(wire, wire.route, path[prefix.end() :])
    return replace(route, prefix=b"/" + prefix[1]) if route is not None else None


def match_recorded(provider: str, path: bytes) -> Route | None:
    """The route of a path that is recorded with a provider; None where that knows no such path.

    The path of a replay, or of what another program recorded, has no prefix: it is the one that the API has, and at the
    root of Gemtap it may be another provider's. No other provider is asked.
    """
    known = PROVIDERS.get(provider)
    if known is None:
        return match(path)
    wire = known.wire
    prefix = re.match(rb"/+" + re.escape(wire.prefix.encode("ascii")) + rb"(?=/)", path)
    if prefix is not None and (route := _ask(wire, wire.route, path[prefix.end() :])) is not None:
        return replace(route, prefix=b"/" + wire.prefix.encode("ascii"))
    return _ask(wire, wire.route_at_root, path) or _ask(wire, wire.route, path)


def path_here(provider: str, path: bytes) -> bytes:
    """The path at which Gemtap takes a request whose recorded path is this one: with a prefix where it needs one."""
    route = match_recorded(provider, path)
    known = PROVIDERS.get(provider)
    if route is None or known is None or route.prefix or _ask(known.wire, known.wire.route_at_root, path) is not None:
        return path
    return b"/" + known.wire.prefix.encode("ascii") + route.path


def route_below(provider: str, path: bytes) -> Route | None:
    """The route of a raw path as a provider's own API has it, without a prefix; None where it has no such path."""
    wire = wire_of(provider)
    return _ask(wire, wire.route, path)


def _ask(wire: Wire, route: Callable[[bytes], Route | None], path: bytes) -> Route | None:
    """The route that a wire face gives. A plug-in that fails here knows no path: others have their routes."""
    try:
        found = route(path)
        if found is None or (found.provider == wire.name and found.path.startswith(b"/")):
            return found
        raise ValueError("the route is another provider's, or its path does not begin with a slash")
    except Exception as exc:
        report(wire.name, exc)
        return None


def origin_of(route: Route | None, origins: Mapping[str, str]) -> str | None:
    """The upstream of a route by those of the providers; None where there is none."""
    upstream = origins.get(route.provider) if route is not None else None
    if route is None or upstream is None:
        return None
    try:
        return PROVIDERS[route.provider].wire.origin(route, upstream)
    except Exception as exc:
        report(route.provider, exc)
        return None


def wire_of(provider: str) -> Wire:
    """The wire face of a provider; of an unknown one the default provider's, whose shape most clients here expect."""
    found = PROVIDERS.get(provider)
    return found.wire if found is not None else _default()


def credential_of(provider: str, path: bytes) -> Credential | None:
    """The credential of requests to a raw path of a provider; None where nothing knows it."""
    found = PROVIDERS.get(provider)
    if found is None:
        return None
    try:
        return found.wire.credential(path)
    except Exception as exc:
        report(provider, exc)
        return None


def asks(provider: str, path: bytes) -> tuple[bool, str | None]:
    """Whether a POST to a raw upstream path may ask a model for something, and the model that the path names."""
    try:
        return asks_of(wire_of(provider), path)
    except Exception as exc:
        report(provider, exc)
        return True, None


def _default() -> Wire:
    return next(iter(PROVIDERS.values())).wire


def error_of(provider: str, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
    """Headers and body of an error of Gemtap's own in the shape of a provider; without one, the default provider's."""
    try:
        return wire_of(provider).error(status, code, message)
    except Exception as exc:
        report(provider, exc)
        return _default().error(status, code, message)


def limited_of(provider: str, message: str, retry_after: int) -> tuple[RawHeaders, bytes]:
    """Headers and body of status 429 for a limit that is reached, in the shape of a provider."""
    try:
        headers, body = wire_of(provider).limited(message, retry_after)
    except Exception as exc:
        report(provider, exc)
        headers, body = _default().limited(message, retry_after)
    return [*headers, (b"retry-after", str(retry_after).encode("ascii"))], body
