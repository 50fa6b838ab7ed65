"""Lists of settings, such as the access keys: in the data directory, or in the database that several Gemtaps share.

The proxy reads the files of its data directory only. With a shared database, the desk of each Gemtap keeps its files
equal to what the database has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from gemtap.list_file import LOOK_EVERY, ListFile
from gemtap.settings import Settings
from gemtap.stores.base import SharedValues, Store, StoreError
from gemtap.stores.opening import open_store

_log = logging.getLogger(__name__)

_PATIENCE: Final = 5.0
"""Seconds for which the start waits for the database."""

L = TypeVar("L")
T = TypeVar("T")


async def read_list(file: ListFile[L], store: Store) -> L:
    """The list in force. Raises OSError and StoreError."""
    if store.shared is None:
        return file.read()
    return (await _read(store.shared, file))[1]


async def change_list(file: ListFile[L], store: Store, change: Callable[[L], tuple[L, T]]) -> T:
    """Change the list, and return what `change` returns besides. Raises OSError, StoreError and what it raises."""
    if store.shared is None:
        return file.change(change)
    while True:
        version, before = await _read(store.shared, file)
        after, result = change(before)
        if await store.shared.replace(file.kind.shared_name, version, file.kind.to_json(after)):
            file.write(after)
            return result


async def follow_shared_list(file: ListFile[L], store: Store) -> None:
    """Keep the file equal to the database, until cancelled. Returns at once if the database is not shared.

    While the database is away, the list stays as it was.
    """
    if store.shared is None:
        return
    kind, problem = file.kind, ""
    while True:
        try:
            version, values = await _read(store.shared, file)
            if version == 0 and values != kind.empty:
                # The list is older than the shared database.
                await store.shared.replace(kind.shared_name, version, kind.to_json(values))
            elif version > 0:
                file.write(values)
            problem = ""
        except (OSError, StoreError) as exc:
            if str(exc) != problem:
                problem = str(exc)
                _log.warning("%s stay as they were: %s", kind.title, problem)
        await asyncio.sleep(LOOK_EVERY)


def fetch_shared_lists(settings: Settings, *files: ListFile[Any]) -> None:
    """Copy the lists of a shared database into the data directory, if the database answers."""

    async def fetch() -> None:
        store = open_store(settings.store_url)
        try:
            async with asyncio.timeout(_PATIENCE):
                for file in files:
                    if store.shared is not None and (await store.shared.read(file.kind.shared_name)) is not None:
                        file.write(await read_list(file, store))
        finally:
            await store.close()

    try:
        asyncio.run(fetch())
    except (OSError, StoreError, TimeoutError) as exc:
        titles = ", ".join(file.kind.title.lower() for file in files)
        _log.warning("What the database has of this is not known yet: %s (%s).", titles, exc)


async def _read(shared: SharedValues, file: ListFile[L]) -> tuple[int, L]:
    found = await shared.read(file.kind.shared_name)
    if found is None:
        return 0, file.read()
    version, value = found
    try:
        return version, file.kind.from_json(value)
    except ValueError as exc:
        raise StoreError(f"{file.kind.title} in the database cannot be read: {exc}.") from exc
