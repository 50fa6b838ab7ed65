"""The columns of lists: which exist, which sort, and which the reader has hidden in this browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gemtap.stores.sorting import ListSort
from gemtap.stores.thread_list import ThreadSort


class Column(NamedTuple):
    """One column of a list."""

    name: str
    """Its class is `c-NAME`."""
    title: str
    sort: ListSort | ThreadSort | None = None
    """The order in which its greatest value comes first."""
    is_number: bool = False
    help: str = ""
    can_hide: bool = True


INTERACTIONS: Final = (
    Column("time", "Time", "newest", can_hide=False),
    Column("client", "Client"),
    Column("model", "Model"),
    Column("text", "Prompt / response", can_hide=False),
    Column("input", "Input", "input", True, "Input tokens"),
    Column("output", "Output", "output", True, "Output tokens"),
    Column("cost", "Cost", "cost", True),
    Column("took", "Duration", "duration", True),
    Column("outcome", "Outcome"),
)
THREADS: Final = (
    Column("time", "Last turn", "latest", can_hide=False),
    Column("text", "First prompt / last response", can_hide=False),
    Column("outcome", "State"),
    Column("model", "Model"),
    Column("client", "Client"),
    Column("number", "Requests", "turns", True),
    Column("tokens", "Tokens", "tokens", True),
    Column("cost", "Cost", "cost", True),
    Column("took", "Time span", None, True),
)

COOKIES: Final = {"interactions": "gemtap-hidden-interactions", "threads": "gemtap-hidden-threads"}
"""Cookies with the names of hidden columns, separated by dots. Scripts set them; the server leaves out nothing, and
hides by classes, so that a page never shows a column first and hides it then."""


def hidden(cookies: Mapping[str, str], table: str, columns: Sequence[Column]) -> list[str]:
    """The names of the columns that are hidden."""
    names = cookies.get(COOKIES[table], "").split(".")
    return [column.name for column in columns if column.can_hide and column.name in names]
