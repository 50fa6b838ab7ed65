"""Suggestions while a query is typed: fields with their help, and values of a field."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from gemtap.dashboard.scope import visible_owner
from gemtap.stores.base import Store, StoreError
from gemtap.stores.facets import Value
from gemtap.stores.query.fields import FIELDS, Kind
from gemtap.stores.query.filter import Filter
from gemtap.stores.query.parsing import quoted

_MOST: Final = 8

_KEPT: Final = 15.0
"""Seconds for which the values of fields are kept."""

_TOOLS_OF: Final = timedelta(days=7)
"""Period of the tools that are suggested: counting more would take longer than a person waits while typing."""

_TIMES: Final = ("today", "yesterday", "1h", "24h", "7d", "30d")
_BOUNDS: Final[Mapping[str, str]] = {"since": "from this time on", "until": "before this time"}

_CONDITION: Final = re.compile(
    r'(?P<minus>-?)(?:(?P<field>[A-Za-z_]+):(?P<earlier>(?:[^\s",]|"[^"]*"|,)*,)?)?(?P<word>"[^"]*|[^\s",]*)$'
)
"""The condition that ends at the cursor."""


class Suggestion(NamedTuple):
    """One suggestion."""

    text: str
    """What it writes."""
    about: str
    """Help, or the number of interactions that have the value."""


class Suggested(NamedTuple):
    """Suggestions, and the characters of the query that they replace."""

    begin: int
    end: int
    items: Sequence[Suggestion]


class Suggestions:
    """Suggests from the fields and from what is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str | None, tuple[float, Mapping[str, Sequence[tuple[Value, int]]]]] = {}
        """When values were read, and the values, for each part of the store that is open to somebody."""

    async def for_query(self, query: str, cursor: int) -> Suggested:
        """What fits at this position of the query. Without the store, fields and fixed values remain."""
        before = query[:cursor]
        match = _CONDITION.search(before)
        if match is None or (match.start() and not before[match.start() - 1].isspace()):
            return Suggested(cursor, cursor, ())
        word = match["word"].lower()
        if match["field"] is None:
            return Suggested(match.start("word"), cursor, _fields(word) if not word.startswith('"') else ())
        items = await self._of_field(match["field"])
        fitting = [each for each in items if each.text.strip('"').lower().startswith(word.lstrip('"'))]
        return Suggested(match.start("word"), cursor, fitting[:_MOST])

    async def _of_field(self, name: str) -> list[Suggestion]:
        if name in _BOUNDS:
            return [Suggestion(text, _BOUNDS[name]) for text in _TIMES]
        field = FIELDS.get(name)
        if field is None:
            return []
        stored = (await self._stored()).get(name, ())
        found = [Suggestion(quoted(str(value)), f"{count:,} recently") for value, count in stored]
        choices = [*field.choices, *(("yes", "no") if field.kind == Kind.FLAG else ())]
        known = {each.text for each in found}
        return found + [Suggestion(choice, field.about) for choice in choices if choice not in known]

    async def _stored(self) -> Mapping[str, Sequence[tuple[Value, int]]]:
        owner = visible_owner()
        read_at, values = self._read.get(owner, (float("-inf"), {}))
        if time.monotonic() - read_at > _KEPT:
            try:
                values = {**(await self._store.facets(Filter())).values, "tool": await self._tools()}
            except StoreError:
                return values
            self._read[owner] = time.monotonic(), values
        return values

    async def _tools(self) -> list[tuple[Value, int]]:
        """The tools that were called recently, the most frequent first."""
        rows = await self._store.tools(Filter(since=datetime.now(UTC) - _TOOLS_OF))
        return [(row["tool"], row["calls"]) for row in rows if row["tool"] and row["calls"]]


def _fields(word: str) -> list[Suggestion]:
    """The fields that begin with the word, then those that have it in their name or help."""
    about = {**{name: field.about for name, field in FIELDS.items()}, **_BOUNDS}
    first = [name for name in about if name.startswith(word)]
    later = [name for name in about if word and name not in first and (word in name or word in about[name].lower())]
    return [Suggestion(f"{name}:", about[name]) for name in (first + later)[: _MOST if word else None]]
