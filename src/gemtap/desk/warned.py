"""Which warnings of limits were given: once for each limit, window and step, whoever is restarted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gemtap.list_file import ListFile, ListKind

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Told:
    """The highest step of a limit that was told."""

    limit: int
    start: int
    """The start of the window, Unix time in seconds."""
    amount: int
    """That of the limit then: with another one, everything may be told again."""
    step: int
    """Per cent."""


@dataclass(frozen=True, slots=True)
class WarnedList:
    """One entry for each limit."""

    entries: tuple[Told, ...] = ()

    @property
    def steps(self) -> dict[tuple[int, int, int], int]:
        """The highest step by limit, window and amount."""
        return {(each.limit, each.start, each.amount): each.step for each in self.entries}

    def add(self, told: Told, known: Collection[int]) -> tuple[WarnedList, bool]:
        """The list with this step, and whether it is new. Forgets limits that are not `known`."""
        before = next((each for each in self.entries if each.limit == told.limit), None)
        if before is not None and told.start < before.start:
            return self, False
        if before is not None and replace(before, step=told.step) == told and told.step <= before.step:
            return self, False
        others = tuple(each for each in self.entries if each.limit != told.limit and each.limit in known)
        return WarnedList((*others, told)), True

    def to_json(self) -> dict[str, Any]:
        """As files and MongoDB have it."""
        return {
            "version": _VERSION,
            "told": [[each.limit, each.start, each.amount, each.step] for each in self.entries],
        }


def _from_json(value: Any) -> WarnedList:
    try:
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']} is not known: update Gemtap")
        return WarnedList(tuple(Told(*map(int, each)) for each in value["told"]))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"it is no list of warnings ({type(exc).__name__})") from exc


class WarnedFile(ListFile[WarnedList]):
    """The list of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            data_dir,
            ListKind(
                name="warned",
                shared_name="limit_warnings",
                title="The warnings of limits",
                if_damaged="Delete it: some warnings come again then.",
                empty=WarnedList(),
                from_json=_from_json,
                to_json=WarnedList.to_json,
            ),
        )
