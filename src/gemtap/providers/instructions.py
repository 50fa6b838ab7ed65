"""What a person does to point one client at the proxy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


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


_AIDER_SETTINGS: Final = "- {name: aider/extra_params, extra_params: {extra_headers: {x-title: aider}}}"
AIDER_NAME: Final = f"echo '{_AIDER_SETTINGS}' >> ~/.aider.model.settings.yml"
"""aider sends nothing that names it: with this line it does."""

AIDER_NOTE: Final = (
    "The line with echo is needed once: without it, interactions have the name of the library that aider uses."
)
