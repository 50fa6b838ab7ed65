"""The secrets of each API, from the types of its SDK and their documentation.

google-genai 3.6.1, openai 3.57.0 (in `gemtap.providers.openai.secrets`) and anthropic 2.14.0.

Deliberately not secret, because it opens nothing by itself: names of Secret Manager resources (`api_key_secret`,
`credential_secret`), ids of stored credentials (`credential`, `credential_id`), hints (`truncated_secret`,
`partial_key_hint`), tokens that continue a list, an interaction or a session (`page_token`, `continuation_token`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.common_secrets import STORED_CREDENTIAL
from gemtap.providers.registry import INSTALLED, PROVIDERS, derived
from gemtap.providers.secrets import Declared, Secrets, all_of

ANTHROPIC: Final = Declared(
    headers=(b"x-api-key", b"authorization"),
    held=(
        (rb"/vaults/[^/]+/credentials(?:[/?]|$)", STORED_CREDENTIAL, STORED_CREDENTIAL),
        (rb"/(?:reveal|rotate)_token(?:[/?]|$)", (), ("$..tunnel_token", "$..token")),
        (rb"/webhook", (), ("$..signing_secret", "$..secret")),
        (rb"/telemetry_destinations(?:[/?]|$)", ("$..headers.*",), ("$..headers.*",)),
        (rb"/environments/[^/]+/work", ("$..secret",), ("$..secret",)),
    ),
    elsewhere=("$..authorization_token", "$..tunnel_token", "$..signing_secret"),
)

_WITHOUT_PROVIDER: Final = {"anthropic": ANTHROPIC}
"""APIs that are served by other providers too, and that imports know by name."""

_BY_NAME: Final = {**_WITHOUT_PROVIDER, **{name: provider.wire.secrets for name, provider in INSTALLED.items()}}

_ALL: Final = tuple(dict.fromkeys([*(each.wire.secrets for each in INSTALLED.values()), *_WITHOUT_PROVIDER.values()]))

SECRETS: Final[Mapping[str, Secrets]] = {name: all_of(own, _ALL) for name, own in _BY_NAME.items()}
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
    of = {id(declared): SECRETS[name] for name, declared in _BY_NAME.items()}
    added = {name: each.wire.secrets for name, each in PROVIDERS.items() if name not in SECRETS}
    return {**SECRETS, **{name: of.get(id(declared), UNKNOWN) for name, declared in added.items()}}
