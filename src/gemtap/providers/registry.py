"""The providers that there are: a folder each in this package, plug-ins, and those that the settings add.

A plug-in is an installed package with an entry point in the group `gemtap.providers` that names a `Provider`. One
that cannot be used is remembered in `FAULTS` and left out: it never keeps Gemtap from starting. One that fails later is
logged, see `report`, and `checked` finds what can be found without an exchange.

`configure` adds the providers of the settings. It is called once in each process, before the first exchange.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import gemtap.providers
from gemtap.providers.provider import Provider
from gemtap.providers.wire import Route
from gemtap.providers.wire_check import check_wire

if TYPE_CHECKING:
    from gemtap.providers.demo import Demo
    from gemtap.providers.reader import Reader

_log = logging.getLogger(__name__)

GROUP: Final = "gemtap.providers"

CONTRACT: Final = 1
"""Version of the interface between Gemtap and a provider."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a provider comes from."""

    package: str
    """The distribution; `gemtap` for the ones in this package."""
    version: str
    """Empty for the ones in this package: it is Gemtap's own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A plug-in that is left out."""

    name: str
    origin: Origin
    reason: str


_BUILT_IN: Final = Origin("gemtap", "")


def _built_in() -> Iterator[Provider]:
    for module in pkgutil.iter_modules(gemtap.providers.__path__, f"{gemtap.providers.__name__}."):
        # A folder without a provider holds what several of them share.
        if module.ispkg and (provider := getattr(importlib.import_module(module.name), "PROVIDER", None)):
            yield provider


def _load(point: EntryPoint, present: Mapping[str, Provider]) -> Provider:
    """The provider of a plug-in. Raises ValueError, or whatever its import raises."""
    provider = point.load()
    if not isinstance(provider, Provider):
        raise ValueError(f"{point.value} is no gemtap.providers.provider.Provider")
    if provider.contract != CONTRACT:
        raise ValueError(f"it is written for version {provider.contract} of the interface; this is {CONTRACT}")
    check_wire(provider.wire)
    if provider.name != point.name:
        raise ValueError(f"its entry point is named {point.name}, the provider {provider.name}")
    taken = next((each for each in present.values() if _clash(each, provider)), None)
    if taken is not None:
        raise ValueError(f"its name or prefix is already taken by {taken.name}")
    below = f"/{provider.wire.prefix}/x".encode("ascii")
    taken = next((each for each in present.values() if _takes(each, below)), None)
    if taken is not None:
        raise ValueError(f"paths of {taken.name} begin with its prefix")
    return provider


def _takes(provider: Provider, path: bytes) -> bool:
    """Whether a path at the root is this provider's."""
    try:
        return provider.wire.route_at_root(path) is not None
    except Exception:
        return False  # another plug-in that fails: it is no fault of the one that is loaded


def _clash(one: Provider, other: Provider) -> bool:
    return one.name == other.name or one.wire.prefix == other.wire.prefix


def _discover() -> tuple[dict[str, Provider], dict[str, Origin], list[Fault]]:
    providers = {provider.name: provider for provider in _built_in()}
    origins = dict.fromkeys(providers, _BUILT_IN)
    faults = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        origin = Origin(point.dist.name, point.dist.version) if point.dist is not None else Origin("unknown", "")
        try:
            provider = _load(point, providers)
        except (Exception, SystemExit) as exc:
            faults.append(Fault(point.name, origin, f"{type(exc).__name__}: {exc}"))
        else:
            providers[provider.name], origins[provider.name] = provider, origin
    return providers, origins, faults


_found: Final = _discover()

INSTALLED: Final[Mapping[str, Provider]] = MappingProxyType(
    dict(sorted(_found[0].items(), key=lambda item: (not item[1].wire.is_default, item[1].wire.root_order, item[0])))
)
"""The providers that are there without any setting, by name; the default provider first."""

_providers: Final = dict(INSTALLED)
_origins: Final = dict(_found[1])

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(_providers)
"""Those and the ones that the settings add, by name, which is also how the settings and the tap call them."""

ORIGINS: Final[Mapping[str, Origin]] = MappingProxyType(_origins)
"""Where each provider comes from."""

FAULTS: Final[tuple[Fault, ...]] = tuple(_found[2])
"""The plug-ins that cannot be used."""


_T = TypeVar("_T")

_caches: Final[list[Callable[[], None]]] = []


def derived(make: Callable[[], _T]) -> Callable[[], _T]:
    """Cache what a function makes of the providers, until `configure` changes these."""
    cached = cache(make)
    _caches.append(cached.cache_clear)
    return cached


def configure(providers: Iterable[Provider], origin: Origin) -> None:
    """Replace the providers of the settings by these, whose names and prefixes are free, see `prefix_taken_by`."""
    added = {provider.name: provider for provider in providers}
    _providers.clear()
    _providers.update({**INSTALLED, **added})
    _origins.clear()
    _origins.update(_found[1] | dict.fromkeys(added, origin))
    for clear in _caches:
        clear()


def prefix_taken_by(prefix: str) -> str | None:
    """The name of the installed provider that has this prefix, or paths that begin with it; None if it is free."""
    below = f"/{prefix}/x".encode("ascii")
    found = (each for each in INSTALLED.values() if each.wire.prefix == prefix or _takes(each, below))
    return next((each.name for each in found), None)


_reported: Final[set[tuple[str, str]]] = set()


def report(name: str, exc: Exception) -> None:
    """Log that a provider raised this. Once for each type of exception: thousands of requests may fail alike."""
    known = (name, type(exc).__name__)
    if known not in _reported:
        _reported.add(known)
        package = ORIGINS[name].package if name in ORIGINS else "unknown"
        _log.error("The provider %s of %s failed: %s", name, package, type(exc).__name__, exc_info=exc)


def reader_of(provider: Provider) -> Reader | None:
    """Its reader face. None where it cannot be imported, which is logged."""
    try:
        return provider.reader
    except Exception as exc:
        report(provider.name, exc)
        return None


def demo_of(provider: Provider) -> Demo | None:
    """Its demo face. None where there is none, or it cannot be imported, which is logged."""
    try:
        return provider.demo
    except Exception as exc:
        report(provider.name, exc)
        return None


def checked(provider: Provider) -> Fault | None:
    """What is wrong with a provider that is in use, as far as it shows without an exchange."""
    try:
        route = provider.wire.route(b"/")
        if not isinstance(route, Route | None):
            raise TypeError(f"route returned {type(route).__name__}")
        provider.wire.error(502, "UNAVAILABLE", "a test")
        operation, _ = provider.reader.operation("GET", "/")
        provider.reader.dialect(operation, is_session=False)
        provider.reader.credential(b"/")
        provider.wire.credential(b"/")
    except Exception as exc:
        return Fault(provider.name, ORIGINS[provider.name], f"{type(exc).__name__}: {exc}")
    return None
