"""API keys for replays: from the environment, by provider."""

from __future__ import annotations

from collections.abc import Mapping

from gemtap.providers.documents import credential_for
from gemtap.replay.request import CannotReplay, ReplayRequest


def has_key(provider: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a key for a provider."""
    credential = credential_for(provider, b"")
    return credential is not None and credential.find(environment) is not None


def key_header(request: ReplayRequest, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The header that carries the key. Raises CannotReplay."""
    credential = credential_for(request.provider, request.path)
    if credential is None:
        raise CannotReplay(f"Gemtap knows no credential for requests to {request.provider or 'an unknown API'}.")
    key = credential.find(environment)
    if key is None:
        raise CannotReplay(f"There is no key to send it with: set {' or '.join(credential.variables)}.")
    if not key.isascii() or not key.isprintable():
        raise CannotReplay("The key has a character that no key has.")
    return credential.header.encode("ascii"), credential.form.format(key).encode("ascii")
