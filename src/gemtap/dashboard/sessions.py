"""Sessions of people who have signed in: a cookie that only this Gemtap can make, and that expires.

The cookie has the digest of the access key, encrypted and signed. Nothing is stored: a session ends with its key.
"""

from __future__ import annotations

import base64
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.fernet import Fernet, InvalidToken

from gemtap.access.key_file import Access
from gemtap.access.keys import User
from gemtap.dashboard.scope import Session

if TYPE_CHECKING:
    # It needs the extra `oidc`.
    from gemtap.dashboard.openid import OpenId

COOKIE: Final = "gemtap_session"

SECONDS: Final = 12 * 3600
"""How long a session lasts."""


@dataclass(frozen=True, slots=True)
class DashboardAccess:
    """What the dashboard needs for access control."""

    keys: Access
    secret: bytes
    """32 bytes, with which session cookies are made."""
    secure: bool
    """Whether browsers reach the dashboard by TLS."""
    trusted_fronts: frozenset[str]
    """Addresses whose `X-Forwarded-For` is believed."""
    openid: OpenId | None = None
    """Who else says who people are."""


class Sessions:
    """Makes and reads session cookies."""

    def __init__(self, access: Access, secret: bytes) -> None:
        """`secret`: 32 bytes."""
        self._access = access
        self._fernet = Fernet(base64.urlsafe_b64encode(secret))

    def begin(self, user: User) -> str:
        """The cookie of a new session."""
        return self._fernet.encrypt(user.digest.encode("ascii")).decode("ascii")

    def of_cookie(self, cookie: str) -> Session | None:
        """The session of a cookie; None if it is forged, has expired, or its key is no longer valid."""
        try:
            digest = self._fernet.decrypt(cookie, ttl=SECONDS).decode("ascii")
            ends = self._fernet.extract_timestamp(cookie) + SECONDS
        except (InvalidToken, ValueError):
            return None
        return self._of_digest(digest, ends)

    def of_key(self, key: bytes) -> Session | None:
        """The session of a program, which sends its access key with each request."""
        user = self._access.table.user_of(key, time.time())
        return None if user is None else self._of_digest(user.digest, float("inf"))

    def _of_digest(self, digest: str, ends: float) -> Session | None:
        def user() -> User | None:
            now = time.time()
            return self._access.table.user_of_digest(digest, now) if now < ends else None

        found = user()
        return None if found is None else Session(found, lambda: user() == found)


class Attempts:
    """Failed attempts to sign in, by address: after a few, an address has to wait."""

    MOST: Final = 10
    WITHIN: Final = 60.0
    """Seconds."""
    _ADDRESSES: Final = 10_000

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_of(self, address: str) -> int:
        """Seconds that an address has to wait; 0 if it may try."""
        failed = self._failed.get(address)
        now = time.monotonic()
        while failed and failed[0] < now - self.WITHIN:
            failed.popleft()
        if not failed:
            self._failed.pop(address, None)
            return 0
        return int(failed[0] + self.WITHIN - now) + 1 if len(failed) >= self.MOST else 0

    def failed(self, address: str) -> None:
        """Count a failed attempt."""
        self._failed.setdefault(address, deque(maxlen=self.MOST)).append(time.monotonic())
        self._failed.move_to_end(address)
        if len(self._failed) > self._ADDRESSES:
            self._failed.popitem(last=False)
