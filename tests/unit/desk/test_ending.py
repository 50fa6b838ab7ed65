"""The end of the desk."""

from __future__ import annotations

import asyncio

import pytest

from gemtap.desk.app import end_all

pytestmark = pytest.mark.anyio


async def test_a_task_that_swallows_a_cancellation_ends() -> None:
    """The driver of a database may turn it into an error, after which a loop goes on."""
    swallowed = 0

    async def goes_on() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(goes_on())
        await asyncio.sleep(0)
        await end_all([task])
    assert task.cancelled()
    assert swallowed == 2


async def test_nothing_to_end() -> None:
    """It returns at once."""
    await end_all([])
