"""Warnings at 50, 80 and 100 % of a limit: once each, in every way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from gemtap.desk.limit_warnings import LimitWarnings
from gemtap.desk.warning_ways import WarningWays
from gemtap.incident import Incident
from gemtap.interaction import Outcome
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.ledger import Claim, TapLedger
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import Limit, Measure, parse_amount, parse_subject, put, refusal_of
from gemtap.limits.windows import window_at
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.progress import Progress
from gemtap.settings import Settings
from gemtap.stores.base import Store
from gemtap.stores.opening import open_store
from tests.records import make_record

pytestmark = pytest.mark.anyio


def settings_of(**values: Any) -> Settings:
    return Settings(**values)


class Ways(WarningWays):
    """Remembers what was told."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.told: list[Incident] = []

    def tell(self, incident: Incident) -> None:
        self.told.append(incident)


class Desk:
    """What a desk has of limits, after a start."""

    def __init__(self, data_dir: Path, store: Store) -> None:
        settings = settings_of(data_dir=data_dir)
        self.ways = Ways(settings)
        self.progress = Progress()
        self.counter = LimitCounter(data_dir, store, LimitsInForce(data_dir))
        self.warnings = LimitWarnings(settings, store, self.counter, self.progress, self.ways)

    async def steps(self) -> list[int]:
        """The steps that one look tells."""
        self.ways.told.clear()
        await self.warnings.look(time.time())
        return [each["details"]["step"] for each in self.ways.told]


@contextmanager
def desk(data_dir: Path, store: Store) -> Iterator[Desk]:
    started = Desk(data_dir, store)
    try:
        yield started
    finally:
        started.counter.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    yield store
    await store.close()


def set_limit(data_dir: Path, subject: str, measure: str, amount: str) -> Limit:
    parsed = parse_amount(cast(Measure, measure), amount)
    LimitFile(data_dir).change(
        lambda before: (put(before, parse_subject(subject), cast(Measure, measure), *parsed), None)
    )
    return LimitFile(data_dir).read().limits[-1]


def use(tap: TapLedger, limit: Limit, amount: int) -> None:
    assert tap.admit([Claim(limit, window_at(limit.span, time.time()), amount)]) is None


async def test_each_step_is_told_once(tmp_path: Path, store: Store) -> None:
    """Also across restarts; a step that is jumped over is not told afterwards."""
    limit, tap = set_limit(tmp_path, "ana", "tokens", "1000/month"), TapLedger(tmp_path)
    with desk(tmp_path, store) as first:
        assert await first.steps() == []
        use(tap, limit, 499)
        assert await first.steps() == []
        use(tap, limit, 1)
        assert await first.steps() == [50]
        assert await first.steps() == []
        (told,) = await store.incidents.newest(limit=9)
        assert told["kind"] == "limit_warning"
        assert told["message"].startswith(
            "50 % of a limit is used: tokens of ana, 1k/month. Used: 500 of 1k. The window"
        )
        assert told["details"]["concerns"] == "ana"
        assert first.progress.warnings == []
    with desk(tmp_path, store) as again:
        assert await again.steps() == []
        use(tap, limit, 500)
        assert await again.steps() == [100]
        assert await again.steps() == []
        (shown,) = again.progress.warnings
        assert shown["message"].startswith(
            "A limit is reached: tokens of ana, 1k/month. Used: 1k of 1k. The window ends at "
        )
    assert len(await store.incidents.newest(limit=9)) == 2


async def test_a_limit_with_another_amount_is_told_anew(tmp_path: Path, store: Store) -> None:
    """Half of the higher limit is another moment."""
    limit, tap = set_limit(tmp_path, "all", "tokens", "1000/month"), TapLedger(tmp_path)
    use(tap, limit, 900)
    with desk(tmp_path, store) as started:
        assert await started.steps() == [80]
        set_limit(tmp_path, "all", "tokens", "1800/month")
        started.counter._limits.refresh()
        assert await started.steps() == [50]


async def test_a_refusal_tells_that_the_limit_is_reached(tmp_path: Path, store: Store) -> None:
    """A budget is mostly not used up when the next request does not fit in."""
    limit, tap = set_limit(tmp_path, "all", "cost", "10usd/month"), TapLedger(tmp_path)
    use(tap, limit, 9_900_000)
    message = f"{refusal_of(limit)}9.90usd of 10usd are used, and this request may take 0.20usd."
    refused = make_record(
        response={"status": 429}, outcome=str(Outcome.REFUSED), error={"message": message, "details": None}
    )
    with desk(tmp_path, store) as started:
        assert await started.steps() == [80]
        await started.counter.recorded([refused, make_record()])
        assert await started.steps() == [100]
        await started.counter.recorded([refused])
        assert await started.steps() == []


async def test_what_is_switched_off_is_told_when_it_refuses(tmp_path: Path, store: Store) -> None:
    """A limit of 0 is used up from the beginning."""
    limit = set_limit(tmp_path, "model:x", "cost", "0usd/month")
    refused = make_record(
        response={"status": 429},
        outcome=str(Outcome.REFUSED),
        error={"message": f"{refusal_of(limit)}0usd of 0usd are used.", "details": None},
    )
    with desk(tmp_path, store) as started:
        assert await started.steps() == []
        await started.counter.recorded([refused])
        assert await started.steps() == [100]


async def test_short_windows_tell_only_the_limit_itself(tmp_path: Path, store: Store) -> None:
    """Else there would be three warnings a minute."""
    limits = [set_limit(tmp_path, "all", "concurrent", "10"), set_limit(tmp_path, "all", "requests", "10/minute")]
    tap = TapLedger(tmp_path)
    with desk(tmp_path, store) as started:
        use(tap, limits[0], 9)
        assert await started.steps() == []
        use(tap, limits[0], 1)
        assert await started.steps() == [100]
        tap.withdraw([Claim(limits[0], window_at(None, 0), 5)])
        assert await started.steps() == []
        use(tap, limits[0], 5)
        assert await started.steps() == []


async def test_unusual_rates_are_told_and_shown(tmp_path: Path, store: Store) -> None:
    """The event has the interaction."""
    with desk(tmp_path, store) as started:
        await started.counter.recorded([make_record() for _ in range(25)])
        await started.warnings.look(time.time())
        assert [each["kind"] for each in started.ways.told] == ["unusual_rate"]
        assert [each["kind"] for each in await store.incidents.newest(limit=9)] == ["unusual_rate"]
        await started.warnings.look(time.time())
        assert len(started.ways.told) == 1
        assert [each["kind"] for each in started.progress.warnings] == ["unusual_rate"]
        await started.warnings.look(time.time() + 3600)
        assert started.progress.warnings == []


async def test_a_store_that_is_away_puts_warnings_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are told once it is back."""
    limit, tap = set_limit(tmp_path, "all", "tokens", "1000/month"), TapLedger(tmp_path)
    use(tap, limit, 600)
    away = open_store("sqlite:///" + str(tmp_path))  # a folder
    with desk(tmp_path, away) as started:
        assert await started.steps() == []
    await away.close()
    assert "Warnings of limits are put off" in caplog.text
    back = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await back.open()
    with desk(tmp_path, back) as started:
        assert await started.steps() == [50]
    await back.close()
