"""The stores that the contract holds for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gemtap.stores.base import Store
from gemtap.stores.opening import open_store


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gemtap.db'}"
    url: str = request.getfixturevalue("mongod_url")
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store, open."""
    store = open_store(store_url)
    try:
        await store.open()
        yield store
    finally:
        await store.close()
