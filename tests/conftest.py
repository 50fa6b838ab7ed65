"""Fixtures that every kind of test uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bson import ObjectId
from pymongo import MongoClient

from tests.mongod import Mongod


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Gemtap is an asyncio program."""
    return "asyncio"


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB server for the whole run: not one to be stopped."""
    server = Mongod(tmp_path_factory.mktemp("mongod"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def mongod_url(mongod: Mongod) -> Iterator[str]:
    """The address of an empty database, which is dropped after the test."""
    database = f"test_{ObjectId()}"
    try:
        yield f"{mongod.url}/{database}"
    finally:
        with MongoClient[dict[str, object]](mongod.url) as client:
            client.drop_database(database)
