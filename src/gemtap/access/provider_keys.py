"""API keys that Gemtap holds, and sends in the place of access keys.

They come from the file of the setting `provider_keys`, which is read again where it has changed, and otherwise from the
environment variables of each provider:

    gemini = "AIza..."          # by the provider's name

    [users.ana]                 # what counts before that for one user
    openai = "sk-..."
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from gemtap.durable_files import stamp_of
from gemtap.providers.credential import Credential

_log = logging.getLogger(__name__)

_USERS: Final = "users"


class HeldKey(NamedTuple):
    """A key that Gemtap holds."""

    key: bytes
    header: tuple[bytes, bytes]
    """Lower-case name and value of the header that carries it."""


class ProviderKeys:
    """The keys in force. `refresh` reads the file again if it has changed."""

    def __init__(self, path: Path | None, environment: Mapping[str, str], providers: Collection[str]) -> None:
        """`providers`: the names that the file may have. Raises ValueError, with a message that has no key in it."""
        self._path = path
        self._environment = environment
        self._providers = providers
        self._held: dict[tuple[Credential, str, str], HeldKey] = {}
        self._seen = stamp_of(path)
        self._for_all, self._by_user = _read(path, providers)

    def of(self, credential: Credential, provider: str, user: str) -> str | None:
        """The key for requests of a user to a provider; None if Gemtap holds none."""
        own = self._by_user.get(user, {})
        return own.get(provider) or self._for_all.get(provider) or credential.find(self._environment)

    def held(self, credential: Credential, provider: str, user: str) -> HeldKey | None:
        """The same, as it is sent; remembered until the file changes."""
        found = self._held.get((credential, provider, user))
        if found is None and (key := self.of(credential, provider, user)) is not None:
            header = credential.header.encode("ascii"), credential.form.format(key).encode("latin-1")
            found = self._held[credential, provider, user] = HeldKey(key.encode("latin-1"), header)
        return found

    def refresh(self) -> None:
        """Read the file again if it has changed. What cannot be read changes nothing."""
        seen = stamp_of(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        self._held.clear()
        try:
            self._for_all, self._by_user = _read(self._path, self._providers)
        except ValueError as exc:
            _log.error("The provider keys stay as they were: %s", exc)


def _read(path: Path | None, providers: Collection[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    if path is None:
        return {}, {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ValueError(f"provider_keys: cannot read {path}: {exc.strerror}") from exc
    except ValueError:
        # The message of the parser may quote a key.
        raise ValueError(f"provider_keys: {path} is not valid TOML") from None
    users = values.pop(_USERS, {})
    if not isinstance(users, dict):
        raise ValueError(f"provider_keys: [users.NAME] must be a table in {path}")
    return _keys(values, "", path, providers), {
        name: _keys(each, f"users.{name}.", path, providers) for name, each in users.items()
    }


def _keys(values: Any, group: str, path: Path, providers: Collection[str]) -> dict[str, str]:
    if not isinstance(values, dict):
        raise ValueError(f"provider_keys: {group.rstrip('.')} must be a table in {path}")
    for name, key in values.items():
        if name not in providers:
            raise ValueError(f"provider_keys: {group}{name} in {path} is not a provider. Known: {', '.join(providers)}")
        # The message does not repeat it: whatever it is, it may be secret.
        if not isinstance(key, str) or not key.isascii() or not key.isprintable() or not key.strip():
            raise ValueError(f"provider_keys: {group}{name} in {path} must be a text of printable characters")
    return dict(values)
