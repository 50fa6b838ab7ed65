"""Access keys as the dashboard shows and changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from gemtap.access.keys import KeyList

T = TypeVar("T")


class KeyKeeping(Protocol):
    """The access keys of this Gemtap (see `gemtap.desk.key_keeping`)."""

    async def read(self) -> KeyList:
        """The list of keys. Raises OSError and StoreError."""
        ...

    async def change(self, change: Callable[[KeyList], tuple[KeyList, T]], what: str, *, user: str) -> T:
        """Change the list as `user`. `what` completes "Access key ..." in an event.

        Raises BadChange, OSError and StoreError.
        """
        ...
