"""The ledger: what taps admit and the desk settles, whoever is killed meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.limits.ledger import Claim, DeskLedger, LedgerReader, TapLedger, ledger_id
from gemtap.limits.limits import Limit, LimitList, Measure, Subject, put
from gemtap.limits.windows import Span, window_at

NOW = 1_772_600_000.0
PROCESSES = multiprocessing.get_context("spawn")


def limit_of(measure: Measure, amount: int, span: Span | None = "day") -> Limit:
    return put(LimitList(), Subject("all", ""), measure, amount, span).limits[0]


def claim(limit: Limit, amount: int = 1, at: float = NOW) -> Claim:
    return Claim(limit, window_at(limit.span, at), amount)


def used(folder: Path, limit: Limit, at: float = NOW) -> int:
    with LedgerReader(folder) as reader:
        return reader.usage(limit, at).used


def test_a_claim_is_admitted_as_long_as_there_is_room(tmp_path: Path) -> None:
    """All claims of a request count, or none."""
    one = put(LimitList(), Subject("all", ""), "requests", 2, "day")
    requests, tokens = put(one, Subject("all", ""), "tokens", 100, "day").limits
    tap = TapLedger(tmp_path)
    assert tap.admit([claim(requests), claim(tokens, 60)]) is None
    refused = tap.admit([claim(requests), claim(tokens, 41)])
    assert refused is not None
    assert (refused.claim.limit, refused.used) == (tokens, 60)
    assert tap.usage(requests, NOW).used == 1
    assert tap.admit([claim(requests), claim(tokens, 40)]) is None
    assert tap.usage(tokens, NOW).share == 1.0
    refused = tap.admit([claim(requests), claim(tokens, 0)])
    assert refused is not None
    assert refused.claim.limit is requests
    tap.close()


def test_each_window_counts_from_nothing_and_the_last_one_is_kept(tmp_path: Path) -> None:
    """What ends in the next window is still settled in its own."""
    tokens = limit_of("tokens", 100, "minute")
    tap, desk = TapLedger(tmp_path), DeskLedger(tmp_path)
    assert tap.admit([claim(tokens, 90)]) is None
    assert tap.admit([claim(tokens, 80, NOW + 60)]) is None
    desk.settle(tokens, window_at("minute", NOW).start, 90, 10)
    desk.settle(tokens, window_at("minute", NOW + 60).start, 80, 95)
    assert (used(tmp_path, tokens), used(tmp_path, tokens, NOW + 60)) == (10, 95)
    assert tap.admit([claim(tokens, 100, NOW + 120)]) is None
    desk.settle(tokens, window_at("minute", NOW + 120).start, 100, 1)
    desk.settle(tokens, window_at("minute", NOW).start, 90, 10)  # of a window whose place another one has
    assert used(tmp_path, tokens, NOW + 120) == 1
    tap.close()
    desk.close()


def test_what_is_settled_gives_back_what_was_estimated_too_high(tmp_path: Path) -> None:
    """A desk that starts again sets the sums of the store, and publishes what this Gemtap alone uses."""
    cost = limit_of("cost", 1000)
    start = window_at("day", NOW).start
    tap, desk = TapLedger(tmp_path), DeskLedger(tmp_path)
    assert tap.admit([claim(cost, 700)]) is None
    assert tap.admit([claim(cost, 400)]) is not None
    desk.settle(cost, start, 700, 300)
    tap.refresh()
    assert tap.admit([claim(cost, 400)]) is None
    assert desk.usage(cost, NOW).reserved == 400
    desk.set_others(cost, start, 250)
    shown = desk.usage(cost, NOW)
    assert (shown.used, shown.others, desk.own_used(cost, start)) == (950, 250, 700)
    desk.close()
    desk = DeskLedger(tmp_path)
    desk.set_sums(cost, start, 1100, 420)
    assert desk.usage(cost, NOW).used == 420 + 250
    desk.set_sums(cost, start, 5000, 420)  # more than was admitted: the last of it was lost in a power cut
    assert desk.usage(cost, NOW).used == 420 + 250
    tap.close()
    desk.close()


def test_another_limit_with_the_same_place_begins_at_nothing(tmp_path: Path) -> None:
    """Places are used again, counts are not."""
    first, second = limit_of("requests", 5), limit_of("requests", 5)
    assert first.slot == second.slot
    tap = TapLedger(tmp_path)
    assert tap.admit([claim(first, 3)]) is None
    assert used(tmp_path, second) == 0
    assert tap.admit([claim(second, 5)]) is None
    tap.withdraw([claim(first, 3)])  # it is gone
    assert used(tmp_path, second) == 5
    tap.close()


def test_a_ledger_keeps_its_id_and_has_one_desk(tmp_path: Path) -> None:
    """The id is that of the data directory."""
    with LedgerReader(tmp_path) as reader:
        assert reader.usage(limit_of("requests", 5)).used == 0
    desk = DeskLedger(tmp_path)
    assert desk.id == ledger_id(tmp_path) == TapLedger(tmp_path).id
    with pytest.raises(OSError, match="another writer"):
        DeskLedger(tmp_path)
    desk.close()


def claim_on(folder: str, limit: Limit, amounts: list[int], together: Barrier, admitted: Any) -> None:
    """One tap of several that claim at the same time."""
    tap = TapLedger(Path(folder))
    together.wait()
    total = 0
    for amount in amounts:
        if tap.admit([claim(limit, amount)]) is None:
            total += amount
    admitted.put(total)
    together.wait()
    tap.close()


@pytest.mark.parametrize("measure", ["requests", "tokens"])
def test_taps_that_claim_at_once_never_pass_a_limit(measure: Measure, tmp_path: Path) -> None:
    """Whatever four taps do at the same time, what they admitted is within the amount, and no claim is lost."""
    limit = limit_of(measure, 3000)
    amounts = [1] * 1500 if measure == "requests" else [1, 7, 30, 200] * 40
    together, admitted = PROCESSES.Barrier(4), PROCESSES.Queue()
    arguments = (str(tmp_path), limit, amounts, together, admitted)
    taps = [PROCESSES.Process(target=claim_on, args=arguments) for _ in range(4)]
    for tap in taps:
        tap.start()
    total = sum(admitted.get(timeout=60) for _ in taps)
    for tap in taps:
        tap.join(60)
    assert total == used(tmp_path, limit)
    assert total <= limit.amount
    # Only claims at the very same moment may both be refused.
    late = TapLedger(tmp_path)
    assert late.admit([claim(limit, limit.amount - total)]) is None
    assert late.admit([claim(limit)]) is not None
    late.close()


def claim_until_killed(folder: str, limits: list[Limit], told: Any) -> None:
    """A tap that says what it has admitted, until it is killed."""
    tap = TapLedger(Path(folder))
    while tap.admit([claim(limits[0], 3), claim(limits[1], 1, 0)]) is None:
        told.send(3)


def test_a_killed_tap_loses_no_claim_and_its_concurrent_requests_end(tmp_path: Path) -> None:
    """What was admitted stays, to the last one; whoever looks next ends what was under way."""
    tokens = limit_of("tokens", 10**9)
    lists = put(
        put(LimitList(), Subject("all", ""), "tokens", 10**9, "day"), Subject("all", ""), "concurrent", 10**9, None
    )
    tokens, concurrent = lists.limits
    watching = TapLedger(tmp_path)
    reading, writing = PROCESSES.Pipe(duplex=False)
    tap = PROCESSES.Process(target=claim_until_killed, args=(str(tmp_path), [tokens, concurrent], writing))
    tap.start()
    writing.close()
    total = sum(reading.recv() for _ in range(200))
    assert tap.pid is not None
    os.kill(tap.pid, signal.SIGKILL)
    tap.join(60)
    while True:
        try:
            total += reading.recv()
        except EOFError:
            break
    # One more may have been admitted that it could not tell of any more.
    assert used(tmp_path, tokens) in (total, total + 3)
    assert used(tmp_path, concurrent) >= 200
    watching.refresh()
    assert used(tmp_path, concurrent) == 0
    before = used(tmp_path, tokens)
    following = TapLedger(tmp_path)
    assert following.admit([claim(tokens, 5)]) is None
    assert used(tmp_path, tokens) == before + 5
    assert len(list((tmp_path / "ledger").glob("tap-*.bin"))) == 2, "it has gone on with the file of the killed one"
    watching.close()
    following.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.sampled_from(["admit", "give back", "settle"]), st.integers(0, 60), st.integers(0, 90)
        ),
        max_size=60,
    )
)
def test_usage_is_what_is_known_and_what_is_under_way(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    """Whatever is admitted, given back and settled in whatever order: real usage, and estimates of the rest."""
    folder = tmp_path_factory.mktemp("ledger")
    limit = limit_of("tokens", 200)
    taps, desk = [TapLedger(folder), TapLedger(folder)], DeskLedger(folder)
    for tap in taps:
        tap.refresh()
    under_way: list[tuple[int, int]] = []
    known = 0
    for number, step, amount, actual in steps:
        if step == "admit":
            expected = known + sum(each for _, each in under_way) + amount <= limit.amount
            assert (taps[number].admit([claim(limit, amount)]) is None) is expected
            if expected:
                under_way.append((number, amount))
        elif under_way:
            its_tap, reserved = under_way.pop(0)
            if step == "give back":
                taps[its_tap].withdraw([claim(limit, reserved)])
            else:
                desk.settle(limit, window_at("day", NOW).start, reserved, actual)
                known += actual
        assert desk.usage(limit, NOW).used == known + sum(each for _, each in under_way)
    for tap in taps:
        tap.close()
    desk.close()
