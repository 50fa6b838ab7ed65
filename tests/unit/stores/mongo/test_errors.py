"""What becomes of PyMongo's errors."""

from __future__ import annotations

import asyncio

import pytest

from gemtap.stores.mongo.errors import translated

pytestmark = pytest.mark.anyio


async def waiting_for_a_server() -> None:
    """As PyMongo waits, whose lock is sometimes not acquired when a wait is cancelled."""
    with translated("mongodb://host/gemtap"):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise RuntimeError("cannot wait on un-acquired lock") from None


async def test_a_cancelled_wait_is_cancelled_whatever_pymongo_says() -> None:
    """A reader who leaves while MongoDB is away is no error."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(waiting_for_a_server())
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()


async def test_other_errors_stay_what_they_are() -> None:
    """Nothing was cancelled: the error is one of Gemtap's."""
    with pytest.raises(RuntimeError, match="mistake"), translated("mongodb://host/gemtap"):
        raise RuntimeError("mistake")
