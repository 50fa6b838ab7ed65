"""Reading and changing lists of settings, such as the access keys: in the store that shares them, if one does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from gemtap.cli.app import Failed
from gemtap.cli.reading import open_for_writing
from gemtap.list_file import ListFile
from gemtap.settings import Settings

if TYPE_CHECKING:
    from gemtap.incident import IncidentKind
    from gemtap.stores.base import Store

L = TypeVar("L")
T = TypeVar("T")


class Lists:
    """The lists, with the store opened."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, file: ListFile[L]) -> L:
        """The list in force. Raises Failed."""
        from gemtap.upkeep.shared_lists import read_list

        try:
            return await read_list(file, self._store)
        except OSError as exc:
            raise _failed(file, exc) from exc

    async def change(
        self, file: ListFile[L], change: Callable[[L], tuple[L, T]], kind: IncidentKind, message: str
    ) -> T:
        """Change the list, note it among the events, and return what `change` returns besides.

        Raises Failed, and what `change` raises.
        """
        from gemtap.incident import event
        from gemtap.upkeep.shared_lists import change_list

        try:
            result = await change_list(file, self._store, change)
        except OSError as exc:
            raise _failed(file, exc) from exc
        await self._store.incidents.put([event(kind, message, None)])
        return result


def with_lists(settings: Settings, work: Callable[[Lists], Awaitable[T]]) -> T:
    """Run `work` with the lists of the settings, and return its result."""
    return open_for_writing(settings, lambda store: work(Lists(store)))


def _failed(file: ListFile[L], exc: OSError) -> Failed:
    return Failed(f"{file.kind.title} cannot be read or changed: {exc}.")
