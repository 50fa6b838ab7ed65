"""A bounded rate with a bounded burst."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gemtap.rate_budget import RateBudget


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20), st.floats(0.1, 10))
def test_no_span_of_time_has_more_than_the_burst_and_its_rate(
    pauses: list[float], burst: int, each_second: float
) -> None:
    now = 1000.0
    budget = RateBudget(burst, each_second, now)
    taken: list[float] = []
    for pause in pauses:
        now += pause
        if budget.take(now):
            taken.append(now)
    for first, began in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - began) * each_second + 1e-6


def test_the_burst_comes_back() -> None:
    budget = RateBudget(3, 1.0, 0.0)
    assert [budget.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [budget.take(1.0) for _ in range(2)] == [True, False]
    assert [budget.take(100.0) for _ in range(4)] == [True, True, True, False]
