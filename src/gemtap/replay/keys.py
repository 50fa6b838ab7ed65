"""API keys for replays: from the environment, by provider."""

from __future__ import annotations

from collections.abc import Mapping

from gemtap.providers.credential import Credential
from gemtap.providers.registry import PROVIDERS
from gemtap.replay.request import CannotReplay, ReplayRequest


def has_key(provider: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a key for a provider."""
    credential = _credential(provider, b"")
    return credential is not None and credential.find(environment) is not None


def key_header(request: ReplayRequest, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The header that carries the key. Raises CannotReplay."""
    credential = _credential(request.provider, request.path)
    if credential is None:
        raise CannotReplay(f"Gemtap knows no credential for requests to {request.provider or 'an unknown API'}.")
    key = credential.find(environment)
    if key is None:
        raise CannotReplay(f"There is no key to send it with: set {' or '.join(credential.variables)}.")
    if not key.isascii() or not key.isprintable():
        raise CannotReplay("The key has a character that no key has.")
    return credential.header.encode("ascii"), credential.form.format(key).encode("ascii")


def _credential(provider: str, path: bytes) -> Credential | None:
    found = PROVIDERS.get(provider)
    return None if found is None else found.reader.credential(path)
