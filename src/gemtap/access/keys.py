"""Access keys and the list of them, which holds digests only: a key is shown once, when it is made.

The list is a value: `add`, `rotate` and `revoke` return another one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast, get_args

Role = Literal["member", "admin"]

ROLES: Final[tuple[str, ...]] = get_args(Role)

FORM: Final = re.compile(rb"gt_[A-Za-z0-9_-]{43}")
"""What an access key looks like: 32 random bytes in base64url after a prefix."""

PREFIX: Final = b"gt_"

HEADER: Final = b"x-gemtap-key"
"""Request header of clients that send an API key of their own besides. It is never forwarded."""

VARIABLE: Final = "GEMTAP_ACCESS_KEY"
"""Environment variable in which commands find their user's access key."""

_VERSION: Final = 1

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_RESERVED: Final = ("all",)
"""Names that mean something else in `gemtap limits`."""


class BadChange(Exception):
    """A change of the list that is not possible. The message says what to do."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key, without the key."""

    name: str
    """The user's: `client.user` of what is sent with the key."""
    role: Role
    digest: str
    """SHA-256 of the key in hexadecimal. A key has 256 random bits: nobody can try them."""
    created: str
    """ISO 8601, UTC."""
    expires: str | None = None
    """From when on it is refused; ISO 8601, UTC."""

    def is_expired(self, at: datetime) -> bool:
        """Whether it is refused at this time."""
        return self.expires is not None and datetime.fromisoformat(self.expires) <= at


@dataclass(frozen=True, slots=True)
class KeyList:
    """All access keys of a Gemtap."""

    is_on: bool = False
    """Whether requests need a key. The first key switches this on; revoking the last one does not switch it off."""
    keys: tuple[AccessKey, ...] = ()

    def named(self, name: str) -> AccessKey:
        """The key of a user. Raises BadChange."""
        for each in self.keys:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.keys)
        others = f"There are keys of: {known}." if known else "`gemtap keys add` makes one."
        raise BadChange(f"There is no access key of {name[:100]!r}. {others}")

    def shown(self, now: datetime) -> list[dict[str, Any]]:
        """Who has a key, as JSON for people: without anything that a key could be found by."""
        return [
            {
                "name": each.name,
                "role": each.role,
                "created": each.created,
                "expires": each.expires,
                "expired": each.is_expired(now),
            }
            for each in self.keys
        ]

    def to_json(self) -> dict[str, Any]:
        """As files and MongoDB have it."""
        return {"version": _VERSION, "on": self.is_on, "keys": [asdict(each) for each in self.keys]}


def from_json(value: Any) -> KeyList:
    """The list of `KeyList.to_json`. Raises ValueError for anything else."""
    try:
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']} is not known: update Gemtap")
        return KeyList(bool(value["on"]), tuple(_key(each) for each in value["keys"]))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"it is not a list of access keys ({type(exc).__name__})") from exc


def _key(value: Mapping[str, Any]) -> AccessKey:
    key = AccessKey(**value)
    if key.role not in ROLES or len(bytes.fromhex(key.digest)) != hashlib.sha256().digest_size:
        raise ValueError("an access key has an unknown role or a damaged digest")
    for moment in (key.created, key.expires):
        if moment is not None and datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError("a time has no zone")
    return key


def digest_of(key: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(key).hexdigest()


def add(before: KeyList, name: str, role: str, expires: datetime | None, now: datetime) -> tuple[KeyList, str]:
    """The list with a key for another user, and the key. Raises BadChange."""
    if name.lower() in _RESERVED:
        raise BadChange(f"{name!r} cannot be a user's name: `gemtap limits set {name.lower()}` is for everybody.")
    if not _NAME.fullmatch(name):
        raise BadChange(f"{name[:100]!r} cannot be a user's name: letters, digits and . _ @ + - are allowed, up to 64.")
    if role not in ROLES:
        raise BadChange(f"Unknown role {role[:100]!r}. Roles: {', '.join(ROLES)}.")
    if any(each.name.lower() == name.lower() for each in before.keys):
        raise BadChange(f"{name} has an access key. `gemtap keys rotate {name}` replaces it.")
    key, digest = _make()
    added = AccessKey(name, cast(Role, role), digest, _iso(now), None if expires is None else _iso(expires))
    return KeyList(is_on=True, keys=(*before.keys, added)), key


def rotate(before: KeyList, name: str, expires: datetime | None, now: datetime) -> tuple[KeyList, str]:
    """The list with another key for the same user, and the key. Raises BadChange."""
    old = before.named(name)
    key, digest = _make()
    new = replace(old, digest=digest, created=_iso(now), expires=None if expires is None else _iso(expires))
    return replace(before, keys=tuple(new if each is old else each for each in before.keys)), key


def revoke(before: KeyList, name: str) -> KeyList:
    """The list without the key of a user. Raises BadChange."""
    old = before.named(name)
    return replace(before, keys=tuple(each for each in before.keys if each is not old))


def _make() -> tuple[str, str]:
    key = PREFIX.decode("ascii") + secrets.token_urlsafe(32)
    return key, digest_of(key.encode("ascii"))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class User:
    """Whoever has shown a valid key."""

    name: str
    role: Role
    digest: str
    """That of the key. It tells sessions of a rotated key from those of the present one."""

    @property
    def is_admin(self) -> bool:
        """Whether all users' interactions and the settings are open to them."""
        return self.role == "admin"


class KeyTable:
    """Access keys by their digest, for lookups while a client waits."""

    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._found = {
            each.digest: (
                User(each.name, each.role, each.digest),
                None if each.expires is None else datetime.fromisoformat(each.expires).timestamp(),
            )
            for each in keys
        }
        self._digests = {each.name.lower(): each.digest for each in keys}

    def has_name(self, name: str) -> bool:
        """Whether somebody with this name, whatever its case, has or had a valid key."""
        return name.lower() in self._digests

    def user_named(self, name: str, now: float) -> User | None:
        """The user with this name, whatever its case, at this Unix time; None if there is none with a valid key."""
        digest = self._digests.get(name.lower())
        return None if digest is None else self.user_of_digest(digest, now)

    def user_of(self, key: bytes, now: float) -> User | None:
        """Whose key it is at this Unix time; None if it is unknown or has expired.

        The time that this takes tells nothing of other keys: what is looked up is a digest of 256 bits.
        """
        return self.user_of_digest(digest_of(key), now)

    def user_of_digest(self, digest: str, now: float) -> User | None:
        """Whose key has this digest at this Unix time."""
        user, expires = self._found.get(digest, (None, None))
        return None if expires is not None and expires <= now else user
