"""Reading and changing a list of settings, such as the access keys: in the store that shares it, if one does."""

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


def read_list_of(settings: Settings, file: ListFile[L]) -> L:
    """The list in force. Raises Failed."""
    from gemtap.upkeep.shared_lists import read_list

    return _with(settings, file, lambda opened: read_list(file, opened))


def change_list_of(
    settings: Settings, file: ListFile[L], change: Callable[[L], tuple[L, T]], kind: IncidentKind, message: str
) -> T:
    """Change the list, note it among the events, and return what `change` returns besides.

    Raises Failed, and what `change` raises.
    """
    from gemtap.incident import event
    from gemtap.upkeep.shared_lists import change_list

    async def work(opened: Store) -> T:
        result = await change_list(file, opened, change)
        await opened.incidents.put([event(kind, message, None)])
        return result

    return _with(settings, file, work)


def _with(settings: Settings, file: ListFile[L], work: Callable[[Store], Awaitable[T]]) -> T:
    try:
        return open_for_writing(settings, work)
    except OSError as exc:
        raise Failed(f"{file.kind.title} cannot be read or changed: {exc}.") from exc
