"""The secrets of each API, from the types of its SDK and their documentation.

google-genai 3.6.1, openai 3.57.0 and anthropic 2.14.0; the wire face of each provider declares them.

Deliberately not secret, because it opens nothing by itself: names of Secret Manager resources (`api_key_secret`,
`credential_secret`), ids of stored credentials (`credential`, `credential_id`), hints (`truncated_secret`,
`partial_key_hint`), tokens that continue a list, an interaction or a session (`page_token`, `continuation_token`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.registry import INSTALLED, PROVIDERS, derived
from gemtap.providers.secrets import Declared, Secrets, all_of

_ALL: Final = tuple(dict.fromkeys(each.wire.secrets for each in INSTALLED.values()))

SECRETS: Final[Mapping[str, Secrets]] = {name: all_of(each.wire.secrets, _ALL) for name, each in INSTALLED.items()}
"""By the name of a provider that is installed."""

UNKNOWN: Final = all_of(
    Declared(held=tuple(each for api in _ALL for each in api.held)),
    _ALL,
)
"""The secrets of a path that no provider knows."""


def secrets_of(provider: str) -> Secrets:
    """What is secret in the API of a provider; for one that nobody knows, what is secret in any."""
    return _all_secrets().get(provider, UNKNOWN)


@derived
def _all_secrets() -> Mapping[str, Secrets]:
    # A provider of the settings has the secrets of the API whose dialect it speaks, made once.
    of = {id(each.wire.secrets): SECRETS[name] for name, each in INSTALLED.items()}
    added = {name: each.wire.secrets for name, each in PROVIDERS.items() if name not in SECRETS}
    return {**SECRETS, **{name: of.get(id(declared), UNKNOWN) for name, declared in added.items()}}
