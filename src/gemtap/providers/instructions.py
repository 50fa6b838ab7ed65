"""What a person does to point one client at the proxy."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Instructions:
    """The exact lines for one client. `{tap}` stands for the proxy's address."""

    title: str
    where: str
    """Where the lines belong."""
    lines: tuple[str, ...]
    note: str = ""
    called: tuple[str, ...] = ()
    """What its interactions call it, see `gemtap.providers.clients`: some send nothing but the name of their SDK."""
    variable: str = ""
    """The variable that sets the base URL for this client, and its value, for `gemtap run`: `NAME={tap}/path`."""
    provider: str = ""
    """The API that it calls then. `gemtap.providers.client_setup` fills it in."""

    def for_tap(self, address: str) -> Instructions:
        """The same with the proxy's address filled in."""
        return replace(
            self,
            where=self.where.replace("{tap}", address),
            lines=tuple(line.replace("{tap}", address) for line in self.lines),
            note=self.note.replace("{tap}", address),
            variable=self.variable.replace("{tap}", address),
        )
