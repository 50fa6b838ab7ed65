"""API keys for replays: from the environment, by provider."""

from __future__ import annotations

from collections.abc import Mapping

from gemtap.capture.events import RawHeaders
from gemtap.providers.documents import credential_for
from gemtap.replay.request import CannotReplay, ReplayRequest


def has_key(provider: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a key for a provider, or it needs none."""
    credential = credential_for(provider, b"")
    return credential is not None and (credential.find(environment) is not None or not credential.needed)


def needs_key(provider: str) -> bool:
    """Whether requests to a provider are refused without a key."""
    credential = credential_for(provider, b"")
    return credential is not None and credential.needed


def key_headers(request: ReplayRequest, environment: Mapping[str, str], added: RawHeaders) -> RawHeaders:
    """The header that carries the key, and those that the settings add to requests to the provider.

    A key of the environment counts before one of the settings. None of them replaces a header of the request. Raises
    CannotReplay where a key is missing.
    """
    credential = credential_for(request.provider, request.path)
    if credential is None:
        raise CannotReplay(f"Gemtap knows no credential for requests to {request.provider or 'an unknown API'}.")
    name = credential.header.encode("ascii")
    key = credential.find(environment)
    if key is None and credential.needed and all(each != name for each, _ in added):
        raise CannotReplay(f"No API key: set {' or '.join(credential.variables)}.")
    if key is not None and (not key.isascii() or not key.isprintable()):
        raise CannotReplay("The key has an invalid character.")
    found = [(name, credential.form.format(key).encode("ascii"))] if key is not None else []
    present = {each for each, _ in (*request.headers, *found)}
    return [*found, *((each, value) for each, value in added if each not in present)]
