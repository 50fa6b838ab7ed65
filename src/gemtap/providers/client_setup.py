"""How each client is pointed at the proxy: the exact lines. CLI, dashboard and docs/clients.md show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from gemtap.providers.registry import PROVIDERS, reader_of


@dataclass(frozen=True, slots=True)
class Instructions:
    """What a person does to one client. `{tap}` stands for the proxy's address."""

    title: str
    where: str
    """Where the lines belong."""
    lines: tuple[str, ...]
    note: str = ""
    called: tuple[str, ...] = ()
    """What its interactions call it, see `gemtap.providers.clients`: some send nothing but the name of their SDK."""
    provider: str = ""
    """The API that it calls then. `clients` fills it in."""

    def for_tap(self, address: str) -> Instructions:
        """The same with the proxy's address filled in."""
        return replace(
            self,
            where=self.where.replace("{tap}", address),
            lines=tuple(line.replace("{tap}", address) for line in self.lines),
            note=self.note.replace("{tap}", address),
        )


@cache
def clients() -> Mapping[str, Instructions]:
    """The clients of all providers, by the name that `gemtap setup` takes.

    If two providers use one name, the later one's client is named `PROVIDER-NAME`.
    """
    found: dict[str, Instructions] = {}
    for provider in PROVIDERS.values():
        reader = reader_of(provider)
        for name, instructions in (reader.setup if reader is not None else {}).items():
            unique = f"{provider.wire.prefix}-{name}" if name in found else name
            found[unique] = replace(instructions, provider=provider.name)
    return found
