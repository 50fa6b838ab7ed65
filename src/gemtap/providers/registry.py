"""The providers that there are: a folder each in this package, and plug-ins.

A plug-in is an installed package with an entry point in the group `gemtap.providers` that names a `Provider`. One
that cannot be used is remembered in `FAULTS` and left out: it never keeps Gemtap from starting.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import gemtap.providers
from gemtap.providers.provider import Provider

GROUP: Final = "gemtap.providers"

_CONTRACT: Final = 1


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
        if module.ispkg:
            yield importlib.import_module(module.name).PROVIDER


def _load(point: EntryPoint, present: Mapping[str, Provider]) -> Provider:
    """The provider of a plug-in. Raises ValueError, or whatever its import raises."""
    provider = point.load()
    if not isinstance(provider, Provider):
        raise ValueError(f"{point.value} is no gemtap.providers.provider.Provider")
    if provider.contract != _CONTRACT:
        raise ValueError(f"it is written for version {provider.contract} of the interface; this is {_CONTRACT}")
    if provider.name != point.name:
        raise ValueError(f"its entry point is named {point.name}, the provider {provider.name}")
    taken = next((each for each in present.values() if _clash(each, provider)), None)
    if taken is not None:
        raise ValueError(f"its name or prefix is already taken by {taken.name}")
    return provider


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
        except Exception as exc:
            faults.append(Fault(point.name, origin, f"{type(exc).__name__}: {exc}"))
        else:
            providers[provider.name], origins[provider.name] = provider, origin
    return providers, origins, faults


_found: Final = _discover()

PROVIDERS: Final[Mapping[str, Provider]] = dict(
    sorted(_found[0].items(), key=lambda item: (not item[1].wire.is_default, item[1].wire.root_order, item[0]))
)
"""By name, which is also how the settings and the tap call them; the default provider first."""

ORIGINS: Final[Mapping[str, Origin]] = _found[1]
"""Where each provider comes from."""

FAULTS: Final[tuple[Fault, ...]] = tuple(_found[2])
"""The plug-ins that cannot be used."""
