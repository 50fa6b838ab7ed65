"""The credential with which a recorded request is sent again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """Where a credential is looked for, and how a request carries it."""

    variables: tuple[str, ...]
    """Environment variables; the first that is set counts."""
    header: str
    """Lower-case name of the request header."""
    form: str = "{}"
    """The header's value, with `{}` in the credential's place."""
    needed: bool = True
    """Whether the API refuses requests without it: programs on one's own machine often take any."""

    def find(self, environment: Mapping[str, str]) -> str | None:
        """The credential; None where no variable is set."""
        return next((value for name in self.variables if (value := environment.get(name))), None)


def bearer(*variables: str) -> Credential:
    """An OAuth token or an API key as a bearer token: RFC 6750."""
    return Credential(variables, "authorization", "Bearer {}")
