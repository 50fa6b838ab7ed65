"""The access keys as the desk shows and changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import KeyList
from gemtap.incident import IncidentKind, event
from gemtap.stores.base import Store
from gemtap.upkeep.shared_lists import change_list

T = TypeVar("T")


class DeskKeys:
    """See `gemtap.dashboard.access_keys.KeyKeeping`."""

    def __init__(self, data_dir: Path, store: Store, in_force: Access) -> None:
        self._file = KeyFile(data_dir)
        self._store = store
        self._in_force = in_force

    async def read(self) -> KeyList:
        """The list of keys. Raises OSError."""
        return await asyncio.to_thread(self._file.read)

    async def change(self, change: Callable[[KeyList], tuple[KeyList, T]], what: str, *, user: str) -> T:
        """Change the list, and note it among the events. Raises BadChange, OSError and StoreError."""
        result = await change_list(self._file, self._store, change)
        self._in_force.refresh()
        message = f"Access key {what} by {user}, on the dashboard."
        await self._store.incidents.put([event(IncidentKind.ACCESS_CHANGED, message, user)])
        return result
