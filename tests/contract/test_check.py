"""What `check` finds: nothing in a sound store, and what was damaged in another."""

from __future__ import annotations

import pytest

from gemtap.stores.base import Store
from tests.records import make_record

pytestmark = pytest.mark.anyio


async def test_a_sound_store_has_no_faults(store: Store) -> None:
    """A check of a store with bodies of all kinds finds no faults."""
    await store.put([make_record(), make_record(request_raw=b"", answered=False), make_record(response_raw=b"\xff\0")])
    assert [fault async for fault in store.maintenance.check()] == []
