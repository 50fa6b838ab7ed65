"""How each client is pointed at the proxy: the exact lines. CLI, dashboard and docs/clients.md show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gemtap.providers.instructions import Instructions
from gemtap.providers.provider import Provider
from gemtap.providers.registry import PROVIDERS, derived, reader_of


@derived
def clients() -> Mapping[str, Instructions]:
    """The clients of all providers, by the name that `gemtap setup` takes."""
    return clients_of(PROVIDERS.values())


def clients_of(providers: Iterable[Provider]) -> Mapping[str, Instructions]:
    """The clients of these providers by name.

    If two providers use one name, the later one's client is named `PROVIDER-NAME`.
    """
    found: dict[str, Instructions] = {}
    for provider in providers:
        reader = reader_of(provider)
        for name, instructions in (reader.setup if reader is not None else {}).items():
            unique = f"{provider.wire.prefix}-{name}" if name in found else name
            found[unique] = replace(instructions, provider=provider.name)
    return found
