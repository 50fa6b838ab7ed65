"""Saved searches are kept in the store, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemtap.stores.base import Store
from gemtap.stores.opening import open_store
from gemtap.stores.saved_searches import MAX_NAME, BadSearch, checked_search, save
from gemtap.upkeep.copy import copy

pytestmark = pytest.mark.anyio


async def names(store: Store) -> list[str]:
    return [each["name"] for each in await store.searches.all()]


async def test_searches_come_back_by_name(store: Store) -> None:
    """Searches come back unchanged, sorted by name; the same name replaces."""
    first, second = checked_search("b: slow", "duration:>30s"), checked_search(" a ", 'error:yes "$odd.näme"')
    await store.searches.put(first)
    await store.searches.put(second)
    assert await store.searches.all() == [second, first]
    assert second["name"] == "a"
    again = checked_search("a", "error:no")
    await store.searches.put(again)
    assert await store.searches.all() == [again, first]


async def test_searches_are_renamed_and_deleted(store: Store) -> None:
    """A new name keeps the query; a name that another search has is refused, and both stay."""
    for name in ("one", "two"):
        await store.searches.put(checked_search(name, f"tag:{name}"))
    assert await store.searches.rename("one", "zwölf $. /")
    assert [(each["name"], each["query"]) for each in await store.searches.all()] == [
        ("two", "tag:two"),
        ("zwölf $. /", "tag:one"),
    ]
    assert await store.searches.rename("two", "two")
    assert not await store.searches.rename("none", "three")
    with pytest.raises(BadSearch, match="There is a saved search 'two' already"):
        await store.searches.rename("zwölf $. /", "two")
    assert await names(store) == ["two", "zwölf $. /"]
    assert await store.searches.delete("two")
    assert not await store.searches.delete("two")
    assert await names(store) == ["zwölf $. /"]


async def test_saving_replaces_only_what_it_may(store: Store) -> None:
    """A taken name is refused unless the search may replace the one that has it."""
    await save(store.searches, checked_search("mine", "error:yes"), replace=False)
    with pytest.raises(BadSearch, match="already"):
        await save(store.searches, checked_search("mine", "error:no"), replace=False)
    await save(store.searches, checked_search("mine", "error:no"), replace=True)
    assert [each["query"] for each in await store.searches.all()] == ["error:no"]


async def test_a_copy_brings_them_along(store: Store, tmp_path: Path) -> None:
    """`gemtap copy` copies searches, and leaves those of the target as they are."""
    target = open_store(f"sqlite:///{tmp_path / 'target.db'}")
    await target.open()
    try:
        await store.searches.put(checked_search("mine", "error:yes"))
        await store.searches.put(checked_search("both", "error:yes"))
        await target.searches.put(checked_search("both", "error:no"))
        await copy(store, target)
        assert [(each["name"], each["query"]) for each in await target.searches.all()] == [
            ("both", "error:no"),
            ("mine", "error:yes"),
        ]
    finally:
        await target.close()


@pytest.mark.parametrize(
    ("name", "query", "says"),
    [
        ("", "x", "needs a name"),
        ("a\nb", "x", "line breaks"),
        ("x" * (MAX_NAME + 1), "x", "80 characters"),
        ("x", " ", "empty"),
        ("x", "colour:red", "Unknown field"),
    ],
)
def test_what_cannot_be_saved_says_why(name: str, query: str, says: str) -> None:
    """Names have a length and no control characters; queries must be valid."""
    with pytest.raises(BadSearch, match=says):
        checked_search(name, query)
