"""Which days can answer, and that nothing is counted twice or left out at their edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gemtap.stores.query.filter import Condition, Filter, Within
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics import COUNTS, TOOL_COUNTS, Part, floats
from gemtap.stores.statistics.cache import DAY, VERSION, Span, by_day, midnight, pack, runs, split, unpack

OLDEST = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
NEWEST = datetime(2026, 3, 20, 9, 15, tzinfo=UTC)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "first", "end"),
    [
        ("", 1, 20),
        ("since:2026-03-01T07:00:00Z", 1, 20),
        ("since:2026-03-01T07:30:00.001Z", 2, 20),
        ("since:2026-03-05", 5, 20),
        ("since:2026-03-05T00:00:00.001Z", 6, 20),
        ("until:2026-03-10", 1, 10),
        ("until:2026-03-10T23:59:59Z", 1, 10),
        ("until:2027-01-01", 1, 20),
        ("since:2020-01-01 until:2026-03-03", 1, 3),
        ("time:2026-03-07", 7, 8),
        ("since:2026-03-02 since:2026-03-04 until:2026-03-09 until:2026-03-08", 4, 8),
    ],
)
def test_whole_days_are_split_off(query: str, first: int, end: int) -> None:
    """A query is split into whole days and the rest, which cover every time once."""
    found = split(parse(query, NEWEST), OLDEST, NEWEST)
    assert found.days == Span(day(first), day(end))
    # Whatever there is at any time is counted once.
    for hours in range(0, 20 * 24, 5):
        moment = OLDEST + timedelta(hours=hours)
        places = sum(matches(each, moment) for each in found.rest) + (day(first) <= moment < day(end))
        assert places == matches(parse(query, NEWEST), moment), moment


def matches(where: Filter, moment: datetime) -> bool:
    return all(within(test, moment) for term in where.terms for test in term.tests if isinstance(test, Within))


def within(test: Within, moment: datetime) -> bool:
    after = not isinstance(test.at_least, datetime) or moment >= test.at_least
    return after and (not isinstance(test.below, datetime) or moment < test.below)


@pytest.mark.parametrize(
    "query",
    [
        "model:a",
        "-since:2026-03-05",
        "time:2026-03-05,2026-03-07",
        "time:*",
        "since:2026-03-05T01:00:00Z until:2026-03-06",
    ],
)
def test_what_days_cannot_answer_is_counted(query: str) -> None:
    """A query with other conditions does not use cached days."""
    where = parse(query, NEWEST)
    found = split(where, OLDEST, NEWEST)
    assert (found.days, found.rest) == (None, (where,))


def test_what_is_no_day_or_too_many_is_counted() -> None:
    """A period without a whole day, or of too many days, does not use cached days."""
    assert split(Filter(), None, None).days is None
    assert split(Filter(), NEWEST, NEWEST).days is None
    assert split(Filter(), datetime(1970, 1, 1, tzinfo=UTC), NEWEST).days is None, "a clock was wrong"
    above = Filter(Condition("time", (Within(above=OLDEST),)))
    assert split(above, OLDEST, NEWEST).days is None


def test_runs_are_days_that_follow_one_another() -> None:
    """Consecutive days are grouped, up to the maximum length."""
    days = [day(1), day(2), day(3), day(4), day(7), day(9)]
    assert [(span.first.day, span.end.day) for span in runs(days, longest=3)] == [(1, 4), (4, 5), (7, 8), (9, 10)]
    assert list(runs([], longest=3)) == []


def test_what_is_kept_of_a_day_comes_back() -> None:
    """`unpack` returns the parts that `pack` encoded."""
    start = int(day(3).timestamp() * 1000)
    parts = [
        Part(start + hour * 3_600_000, key, list(range(len(COUNTS))), 0.25, -0.5, floats([3.0, 1.0, None]), b"")
        for hour, key in ((0, "a"), (5, None), (23, "\u2603"))
    ]
    found = by_day(Span(day(2), day(4)), parts)
    assert {each: len(of_day) for each, of_day in found.items()} == {day(2): 0, day(3): 3}
    assert unpack(day(3), pack(found[day(3)])) == parts
    assert unpack(day(2), pack([])) == []


def test_midnight_is_of_utc() -> None:
    """Midnight is that of the UTC day."""
    moment = datetime.fromisoformat("2026-03-02T00:30:00+02:00")
    assert midnight(moment) == day(1)
    assert timedelta(days=1) == DAY


def test_the_version_changes_with_what_is_counted() -> None:
    """A change of `COUNTS`, `TOOL_COUNTS`, `Part` or of `pack` needs a new `VERSION`, and a new layout in this test."""
    part = Part(1_772_323_200_000 + 7_200_000, "a", [*range(len(COUNTS))], 0.5, 0.25, floats([1.0]), b"")
    layouts = {
        2: (
            "requests errors priced input cached cache_write output reasoning tool_use total "
            "system tools media results history new, calls results marked failed priced, "
            "start key counts cost cache_saved durations first_bytes",
            "9197ce006ddd00a161dc0010000102030405060708090a0b0c0d0e0fcb3fe0000000000000cb3fd0000000000000"
            "c4040000803fc400",
        )
    }
    layout = f"{' '.join(COUNTS)}, {' '.join(TOOL_COUNTS)}, {' '.join(Part._fields)}", pack([part]).hex()
    assert VERSION in layouts, f"VERSION was raised: add the layout of {VERSION} to this test: {layout}"
    assert layouts[VERSION] == layout, (
        "What statistics count, or how days are cached, has changed. Days that are cached already would be wrong: "
        "raise `VERSION` in gemtap/stores/statistics/cache.py, and add its layout to this test."
    )
