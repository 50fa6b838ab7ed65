"""Saved searches: queries that people gave a name, kept in the store so that every browser and command has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, TypedDict

from gemtap.interaction import to_milliseconds
from gemtap.stores.query.parsing import BadQuery, parse

MAX_NAME: Final = 80
"""Maximum number of characters of a name."""

MOST: Final = 200
"""Maximum number of saved searches: every list shows them all."""


class BadSearch(ValueError):
    """A search that cannot be saved. The message says why."""


class SavedSearch(TypedDict):
    """One document of `gemtap_searches`."""

    name: str
    """Unique."""
    query: str
    """As people write it, see docs/queries.md. Relative times are relative to each use."""
    saved_at: datetime


class SavedSearches(Protocol):
    """The saved searches of a store. Every method may raise StoreUnavailable."""

    async def all(self) -> Sequence[SavedSearch]:
        """All of them, by name."""
        ...

    async def put(self, search: SavedSearch) -> None:
        """Save a search, in place of one with the same name."""
        ...

    async def rename(self, old: str, new: str) -> bool:
        """Give a search another name; False if there is none. Raises BadSearch if another one has the new name."""
        ...

    async def delete(self, name: str) -> bool:
        """Delete a search; False if there is none."""
        ...


def checked_search(name: str, query: str) -> SavedSearch:
    """The search to save now. Raises BadSearch."""
    now = datetime.now(UTC)
    if not query.strip():
        raise BadSearch("The search is empty. Enter words or conditions first.")
    try:
        parse(query, now)
    except BadQuery as exc:
        raise BadSearch(str(exc)) from None
    return {"name": checked_name(name), "query": query.strip(), "saved_at": to_milliseconds(now)}


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises BadSearch."""
    word = unicodedata.normalize("NFC", name).strip()
    if not word:
        raise BadSearch("A saved search needs a name.")
    if len(word) > MAX_NAME:
        raise BadSearch(f"The name of a saved search has up to {MAX_NAME} characters, not {len(word)}.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in word):
        raise BadSearch("The name of a saved search has no line breaks or control characters.")
    return word


class NameTaken(BadSearch):
    """Another search has the name."""


def name_taken(name: str) -> NameTaken:
    """The error for a name that another search has."""
    return NameTaken(f"There is a saved search {name!r} already. Choose another name.")


async def save(searches: SavedSearches, search: SavedSearch, *, replace: bool) -> None:
    """Save a search. Raises BadSearch if its name is taken and may not be replaced, or if there are too many."""
    names = {each["name"] for each in await searches.all()}
    if search["name"] in names:
        if not replace:
            raise name_taken(search["name"])
    elif len(names) >= MOST:
        raise BadSearch(f"There are {MOST} saved searches, the maximum. Delete one first.")
    await searches.put(search)
