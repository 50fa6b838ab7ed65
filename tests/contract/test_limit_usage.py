"""What interactions reserved and used of limits is kept by the store, apart from the interactions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from gemtap.stores.base import Store
from gemtap.stores.limit_usage import LimitShare, Settlement, Sums, WindowKey
from gemtap.stores.opening import open_store
from tests.records import make_record

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = WindowKey(1, int((NOW - timedelta(hours=1)).timestamp()))
MONTH = WindowKey(2**48 - 1, int((NOW - timedelta(days=9)).timestamp()))
TOMORROW, NEXT_MONTH = int((NOW + timedelta(hours=23)).timestamp()), int((NOW + timedelta(days=20)).timestamp())


def settlement(id_: ObjectId, reserved: int, used: int, *, is_final: bool = True) -> Settlement:
    """Of a limit by day, and of one by month for twice as much."""
    return Settlement(
        id_,
        is_final,
        [
            LimitShare(DAY, TOMORROW, Sums(reserved, used)),
            LimitShare(MONTH, NEXT_MONTH, Sums(2 * reserved, 2 * used)),
        ],
    )


async def test_settlements_add_up_by_window(store: Store) -> None:
    """Sums are by limit and window; amounts beyond 32 bits are exact."""
    large = 2**40
    changed = await store.limit_usage.settle("here", [settlement(ObjectId(), 10, 4), settlement(ObjectId(), large, 1)])
    expected = {DAY: Sums(large + 10, 5), MONTH: Sums(2 * large + 20, 10)}
    assert changed == expected
    assert await store.limit_usage.sums("here", NOW) == expected
    assert await store.limit_usage.settle("here", []) == {}


async def test_settling_again_changes_nothing(store: Store) -> None:
    """A recorder that was killed between storing and deleting a capture settles it again."""
    id_ = ObjectId()
    await store.limit_usage.settle("here", [settlement(id_, 10, 4)])
    assert await store.limit_usage.settle("here", [settlement(id_, 10, 4), settlement(ObjectId(), 1, 1)]) == {
        DAY: Sums(1, 1),
        MONTH: Sums(2, 2),
    }
    assert await store.limit_usage.settle("here", [settlement(id_, 99, 99, is_final=False)]) == {}
    assert (await store.limit_usage.sums("here", NOW))[DAY] == Sums(11, 5)


async def test_a_complete_capture_replaces_an_interrupted_one(store: Store) -> None:
    """What was settled of the interrupted one is taken back."""
    id_ = ObjectId()
    await store.limit_usage.settle("here", [settlement(id_, 10, 10, is_final=False)])
    assert await store.limit_usage.settle("here", [settlement(id_, 10, 3)]) == {DAY: Sums(0, -7), MONTH: Sums(0, -14)}
    assert (await store.limit_usage.sums("here", NOW))[DAY] == Sums(10, 3)


async def test_windows_that_are_over_are_left_out(store: Store) -> None:
    """The end of a window is the first moment after it."""
    await store.limit_usage.settle("here", [settlement(ObjectId(), 10, 4)])
    last = datetime.fromtimestamp(TOMORROW - 1, UTC)
    assert set(await store.limit_usage.sums("here", last)) == {DAY, MONTH}
    assert set(await store.limit_usage.sums("here", last + timedelta(seconds=1))) == {MONTH}


async def test_what_is_over_is_deleted_from_sqlite(store: Store) -> None:
    """The next settlement deletes it. MongoDB has an index for that."""
    old = LimitShare(WindowKey(3, 1), 2, Sums(1, 1))
    await store.limit_usage.settle("here", [Settlement(ObjectId(), True, [old])])
    sums = await store.limit_usage.sums("here", datetime.fromtimestamp(1, UTC))
    assert sums == ({} if store.shared is None else {old.window: Sums(1, 1)})


async def test_deleting_interactions_gives_nothing_back(store: Store) -> None:
    """The usage of a running window stays although its interactions are pruned, and across a restart."""
    record = make_record()
    id_ = record.document["_id"]
    await store.put([record])
    await store.limit_usage.settle("here", [settlement(id_, 10, 4)])
    assert await store.delete([id_]) == 1
    again = open_store(store.description)
    try:
        assert (await again.limit_usage.sums("here", NOW))[DAY] == Sums(10, 4)
    finally:
        await again.close()


async def test_gemtaps_of_one_database_count_apart(store: Store) -> None:
    """Each counts what it recorded itself. A SQLite file is one Gemtap's own."""
    if store.shared is None:
        return
    await store.limit_usage.settle("here", [settlement(ObjectId(), 10, 4)])
    await store.limit_usage.settle("there", [settlement(ObjectId(), 1, 1)])
    assert (await store.limit_usage.sums("here", NOW))[DAY] == Sums(10, 4)
    assert (await store.limit_usage.sums("there", NOW))[DAY] == Sums(1, 1)
    assert await store.limit_usage.sums("elsewhere", NOW) == {}


async def test_gemtaps_read_what_others_publish(store: Store) -> None:
    """A value is published under a name of its own, and its version tells whether it has changed."""
    if store.shared is None:
        return
    await store.shared.publish("usage:a", {"x": 1})
    await store.shared.publish("usage:b", [2**50])
    await store.shared.publish("usage:a", {"x": 3})
    await store.shared.publish("usag", "else")
    assert await store.shared.beginning_with("usage:") == {"usage:a": (2, {"x": 3}), "usage:b": (1, [2**50])}
    assert await store.shared.read("usage:a") == (2, {"x": 3})
    _, (large,) = (await store.shared.beginning_with("usage:b"))["usage:b"]
    assert type(large) is int  # as JSON has it, not a number of BSON
    await store.shared.remove("usage:a", 1)
    await store.shared.remove("usage:b", 1)
    assert await store.shared.beginning_with("usage:") == {"usage:a": (2, {"x": 3})}
