"""Which provider a path belongs to, and where it goes. The tap uses only this part and the wire faces: no parsing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from gemtap.providers.registry import PROVIDERS, report
from gemtap.providers.wire import RawHeaders, Route, Wire

_WIRES: Final = tuple(provider.wire for provider in PROVIDERS.values())
_AT_ROOT: Final = tuple(sorted(_WIRES, key=lambda wire: wire.root_order))
_DEFAULT: Final = _WIRES[0]
_BY_PREFIX: Final = {wire.prefix.encode("ascii"): wire for wire in _WIRES}
_PREFIX: Final = re.compile(rb"/+(" + b"|".join(map(re.escape, _BY_PREFIX)) + rb")(?=/)")


def _known(wire: Wire) -> str:
    return f"{wire.root_paths} ({wire.title}, also under /{wire.prefix})" if wire.root_paths else f"/{wire.prefix}/..."


KNOWN: Final = "; ".join(map(_known, _WIRES))
"""What `match` knows, for people."""


def match(path: bytes) -> Route | None:
    """The route of a raw path as a client sent it, or None where no provider knows it."""
    prefix = _PREFIX.match(path)
    if prefix is None:
        return next((route for wire in _AT_ROOT if (route := _ask(wire, wire.route_at_root, path)) is not None), None)
    wire = _BY_PREFIX[prefix[1]]
    route = _ask(wire, wire.route, path[prefix.end() :])
    return replace(route, prefix=b"/" + prefix[1]) if route is not None else None


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
    return found.wire if found is not None else _DEFAULT


def error_of(provider: str, status: int, code: str, message: str) -> tuple[RawHeaders, bytes]:
    """Headers and body of an error of Gemtap's own in the shape of a provider; without one, the default provider's."""
    try:
        return wire_of(provider).error(status, code, message)
    except Exception as exc:
        report(provider, exc)
        return _DEFAULT.error(status, code, message)
