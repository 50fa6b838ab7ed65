"""A store to import into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gemtap.stores.base import Store
from gemtap.stores.opening import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    yield store
    await store.close()
