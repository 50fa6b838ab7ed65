"""An empty MongoDB store, and its database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from gemtap.stores.base import Store
from gemtap.stores.opening import open_store


@pytest.fixture
async def store(mongod_url: str) -> AsyncIterator[Store]:
    """An empty store, open."""
    store = open_store(mongod_url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def database(mongod_url: str) -> Iterator[Database[dict[str, Any]]]:
    """The database of the store, as mongosh and other versions of Gemtap see it."""
    with MongoClient[dict[str, Any]](mongod_url, tz_aware=True) as client:
        yield client.get_default_database()
