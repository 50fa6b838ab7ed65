"""The desk counts what recorded interactions really used, across restarts and across Gemtaps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gemtap.interaction import NO_TOKENS, Interaction
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.ledger import Claim, LedgerReader, TapLedger
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import Limit, parse_amount, parse_subject, put
from gemtap.limits.windows import window_at
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.other_gemtaps import OtherGemtaps
from gemtap.stores.base import Store
from gemtap.stores.limit_usage import WindowKey
from tests.records import make_record

pytestmark = pytest.mark.anyio


def set_limit(data_dir: Path, measure: str = "tokens", amount: str = "1000/month") -> Limit:
    """Months, so that no window ends during a test."""
    parsed = parse_amount(measure, amount)  # type: ignore[arg-type]  # one of MEASURES
    LimitFile(data_dir).change(
        lambda before: (put(before, parse_subject("all"), measure, *parsed), None)  # type: ignore[arg-type]
    )
    return next(each for each in LimitFile(data_dir).read().limits if each.measure == measure)


class Traffic:
    """A tap of a data directory that lets requests pass, and what is recorded of them."""

    def __init__(self, data_dir: Path, limit: Limit) -> None:
        self.tap = TapLedger(data_dir)
        self._data_dir = data_dir
        self._limit = limit

    def request(self, reserved: int, total: int | None = None, **fields: Any) -> Interaction:
        """The document of a request for which so much was reserved, and that used so many tokens in total."""
        window = window_at(self._limit.span, time.time())
        assert self.tap.admit([Claim(self._limit, window, reserved)]) is None
        share = {
            "ledger": self.tap.id,
            "limit": self._limit.id,
            "measure": self._limit.measure,
            "start": datetime.fromtimestamp(window.start, UTC),
            "ends": datetime.fromtimestamp(window.end, UTC),
            "amount": reserved,
        }
        return make_record(reserved=[share], tokens={**NO_TOKENS, "total": total}, **fields).document

    @property
    def used(self) -> int:
        """The usage as a tap sees it."""
        self.tap.refresh()
        return self.tap.usage(self._limit, time.time()).used

    @property
    def reserved(self) -> int:
        """What of it is estimates."""
        with LedgerReader(self._data_dir) as ledger:
            return ledger.usage(self._limit).reserved


@contextmanager
def desk(data_dir: Path, store: Store) -> Iterator[LimitCounter]:
    """A desk's counter, as it is after a start."""
    counter = LimitCounter(data_dir, store, LimitsInForce(data_dir))
    try:
        yield counter
    finally:
        counter.close()


async def test_estimates_are_settled_by_what_was_used(store: Store, tmp_path: Path) -> None:
    """Usage is what is under way by its estimate, and what is recorded by what it used."""
    traffic = Traffic(tmp_path, set_limit(tmp_path))
    first, second = traffic.request(400, 30), traffic.request(300, 350)
    assert traffic.used == 700
    with desk(tmp_path, store) as counter:
        await counter.drained()
        assert (traffic.used, traffic.reserved) == (700, 700)
        await counter.settle([first])
        assert (traffic.used, traffic.reserved) == (330, 300)
        await counter.settle([second, make_record().document])
        assert (traffic.used, traffic.reserved) == (380, 0)
        await counter.settle([first, second])
        assert traffic.used == 380


async def test_a_restart_computes_the_same_again(store: Store, tmp_path: Path) -> None:
    """Whoever was killed between the store and the ledger; and pruned interactions give nothing back."""
    traffic = Traffic(tmp_path, set_limit(tmp_path))
    with desk(tmp_path, store) as counter:
        await counter.drained()
        await counter.settle([traffic.request(400, 30), traffic.request(100, 200)])
    record = make_record()
    await store.put([record])
    document = traffic.request(250, 40, _id=record.document["_id"])
    with desk(tmp_path, store) as killed:
        await killed.drained()
        settled = traffic.used
        # Killed after the store had it, before the ledger.
        await LimitCounter(tmp_path, store, LimitsInForce(tmp_path)).settle([document])
        assert traffic.used == settled == 230 + 250
    await store.delete([record.document["_id"]])
    with desk(tmp_path, store) as counter:
        await counter.drained()
        assert traffic.used == 230 + 40
        # The capture is still in the spool.
        await counter.settle([document])
        assert traffic.used == 230 + 40


async def test_an_interrupted_capture_keeps_its_estimate_until_the_complete_one_comes(
    store: Store, tmp_path: Path
) -> None:
    """Nobody knows what an interrupted request costs."""
    traffic = Traffic(tmp_path, set_limit(tmp_path))
    document = traffic.request(400, 30)
    with desk(tmp_path, store) as counter:
        await counter.drained()
        await counter.settle([{**document, "outcome": "interrupted"}])
        assert (traffic.used, traffic.reserved) == (400, 0)
        await counter.settle([document])
        assert traffic.used == 30


async def test_a_power_cut_that_took_what_a_tap_counted_lowers_nothing(store: Store, tmp_path: Path) -> None:
    """Mapped pages may be lost with the power; what is recorded counts all the same."""
    traffic = Traffic(tmp_path, set_limit(tmp_path))
    with desk(tmp_path, store) as counter:
        await counter.drained()
        await counter.settle([traffic.request(400, 30), traffic.request(100, 200)])
    traffic.tap.close()
    for lost in (tmp_path / "ledger").glob("*.bin"):
        lost.unlink()
    after = Traffic(tmp_path, LimitFile(tmp_path).read().limits[0])
    with desk(tmp_path, store) as counter:
        await counter.drained()
        assert after.used == 230
        await counter.settle([after.request(10, 10)])
        assert after.used == 240


async def test_gemtaps_of_one_database_share_their_limits(store: Store, tmp_path: Path) -> None:
    """Each counts what the other uses. Concurrent requests of one that is gone are not counted."""
    if store.shared is None:
        return
    here, there = tmp_path / "here", tmp_path / "there"
    limit = set_limit(here)
    concurrent = set_limit(here, "concurrent", "8")
    LimitFile(there).write(LimitFile(here).read())
    one, other = Traffic(here, limit), Traffic(there, limit)
    with desk(here, store) as first, desk(there, store) as second:
        await first.drained()
        await second.drained()
        await first.settle([one.request(400, 30)])
        other.request(50)
        assert other.tap.admit([Claim(concurrent, window_at(None, 0), 3)]) is None
        for _ in range(2):
            await first.look()
            await second.look()
        assert (one.used, other.used) == (80, 80)
        assert one.tap.usage(concurrent, time.time()).used == 3
        assert [each.others for each in first.usages(time.time())] == [50, 3]


async def test_a_gemtap_that_publishes_nothing_new_is_gone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has used of a window goes on counting, its concurrent requests do not; old sums are deleted."""
    if store.shared is None:
        return
    now = time.time()
    day, concurrent = WindowKey(1, int(now)), WindowKey(2, 0)
    await OtherGemtaps("gone", store.shared).exchange({day: 70, concurrent: 4}, now)
    await OtherGemtaps("long gone", store.shared).exchange({day: 5}, now - 90 * 86_400)
    here = OtherGemtaps("here", store.shared)
    assert await here.exchange({day: 1}, now) == {day: 70, concurrent: 4}
    assert len(await store.shared.beginning_with("limit_usage:")) == 2
    monkeypatch.setattr("gemtap.recorder.other_gemtaps._ALIVE", 0.0)
    assert await here.exchange({day: 1}, now) == {day: 70}
