"""Changes of the access keys: in the data directory, or in the database that several Gemtaps share.

The proxy reads the file of its data directory only. With a shared database, the desk of each Gemtap keeps its file
equal to what the database has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from gemtap.access.key_file import LOOK_EVERY, KeyFile
from gemtap.access.keys import KeyList, from_json
from gemtap.settings import Settings
from gemtap.stores.base import SharedValues, Store, StoreError
from gemtap.stores.opening import open_store

_log = logging.getLogger(__name__)

_NAME: Final = "access_keys"

_PATIENCE: Final = 5.0
"""Seconds for which the start waits for the database."""

T = TypeVar("T")

Change = Callable[[KeyList], tuple[KeyList, T]]
"""Makes another list, and something to return."""


async def read_keys(file: KeyFile, store: Store) -> KeyList:
    """The access keys in force. Raises OSError and StoreError."""
    if store.shared is None:
        return file.read()
    return (await _read(store.shared, file))[1]


async def change_keys(file: KeyFile, store: Store, change: Change[T]) -> T:
    """Change the access keys, and return what `change` returns. Raises OSError, StoreError and what it raises."""
    if store.shared is None:
        return file.change(change)
    while True:
        version, before = await _read(store.shared, file)
        after, result = change(before)
        if await store.shared.replace(_NAME, version, after.to_json()):
            file.write(after)
            return result


async def follow_shared_keys(file: KeyFile, store: Store) -> None:
    """Keep the file equal to the database, until cancelled. Returns at once if the database is not shared.

    While the database is away, the keys stay as they were.
    """
    if store.shared is None:
        return
    problem = ""
    while True:
        try:
            version, keys = await _read(store.shared, file)
            if version == 0 and keys != KeyList():
                # The keys are older than the shared database.
                await store.shared.replace(_NAME, version, keys.to_json())
            elif version > 0:
                file.write(keys)
            problem = ""
        except (OSError, StoreError) as exc:
            if str(exc) != problem:
                problem = str(exc)
                _log.warning("The access keys stay as they were: %s", problem)
        await asyncio.sleep(LOOK_EVERY)


def fetch_shared_keys(settings: Settings) -> None:
    """Copy the access keys of a shared database into the data directory, if the database answers."""

    async def fetch() -> None:
        store = open_store(settings.store_url)
        try:
            async with asyncio.timeout(_PATIENCE):
                if store.shared is not None and (await store.shared.read(_NAME)) is not None:
                    file = KeyFile(settings.data_dir)
                    file.write(await read_keys(file, store))
        finally:
            await store.close()

    try:
        asyncio.run(fetch())
    except (OSError, StoreError, TimeoutError) as exc:
        _log.warning("The access keys of the database are not known yet: %s", exc)


async def _read(shared: SharedValues, file: KeyFile) -> tuple[int, KeyList]:
    found = await shared.read(_NAME)
    if found is None:
        return 0, file.read()
    version, value = found
    try:
        return version, from_json(value)
    except ValueError as exc:
        raise StoreError(f"The access keys in the database cannot be read: {exc}.") from exc
