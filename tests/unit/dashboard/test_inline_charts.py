"""Small pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gemtap.dashboard.inline_charts import context_bands, token_bands, waterfall
from gemtap.interaction import NO_TOKENS, Context

CONTEXT: Context = {"system": 10, "tools": 0, "media": 0, "results": 30, "history": 50, "new": 10}
TIMING = {"first_byte_ms": 200.0, "first_token_ms": 500.0, "longest_gap_ms": 100.0}


def test_tokens_are_a_bar_of_what_was_cached_new_thought_and_answered() -> None:
    """The bar of tokens has its four kinds."""
    bands = token_bands({**NO_TOKENS, "input": 80, "cached": 60, "output": 10, "reasoning": 10})
    assert [(band.kind, band.x, band.width, band.tokens) for band in bands] == [
        ("t-cached", 0, 60, 60),
        ("t-input", 60, 20, 20),
        ("t-reasoning", 80, 10, 10),
        ("t-output", 90, 10, 10),
    ]
    assert token_bands(NO_TOKENS) == []


@given(*[st.none() | st.integers(0, 10**9)] * 4)
def test_a_bar_is_full_and_never_fuller(given: int | None, cached: int | None, out: int | None, no: int | None) -> None:
    """The segments of a bar fill it exactly."""
    bands = token_bands({**NO_TOKENS, "input": given, "cached": cached, "output": out, "reasoning": no})
    if bands:
        assert abs(sum(band.width for band in bands) - 100) < 0.1


def test_a_waterfall_has_the_rhythm_of_the_chunks() -> None:
    """The waterfall shows the times of chunks."""
    fall = waterfall(1000.0, TIMING, {"at_ms": [500.0, 501.0, 999.0], "bytes": [100, 100, 50]})
    assert fall is not None
    assert (fall.first_byte, fall.first_token, fall.longest_gap) == (20, 50, 10)
    assert [(column.x, column.height) for column in fall.columns] == [(50.0, 100), (99.38, 25)]


def test_without_an_answer_there_is_none() -> None:
    """Without a response there is no waterfall."""
    assert waterfall(None, TIMING, None) is None
    assert waterfall(10.0, {**TIMING, "first_byte_ms": None}, None) is None


@given(st.floats(0.001, 1e7), st.lists(st.tuples(st.floats(-10, 1e8), st.integers(0, 10**6)), max_size=50))
def test_nothing_of_it_stands_outside(duration: float, chunks: list[tuple[float, int]]) -> None:
    """All shapes are within the chart."""
    times, sizes = [at for at, _ in chunks], [size for _, size in chunks]
    fall = waterfall(duration, TIMING, {"at_ms": times, "bytes": sizes})
    assert fall is not None
    assert 0 <= fall.first_byte <= 100
    assert all(0 <= column.x < 100 and 0 < column.height <= 100 for column in fall.columns)


def test_the_input_is_a_bar_of_where_it_comes_from() -> None:
    """The bar of the input shows its origins."""
    assert [(band.label, band.x, band.width) for band in context_bands(CONTEXT)] == [
        ("system instruction", 0, 10),
        ("tool results", 10, 30),
        ("earlier messages", 40, 50),
        ("new messages", 90, 10),
    ]
    assert context_bands(None) == []


def test_cache_writes_are_a_segment_of_their_own() -> None:
    """Tokens written to a cache are neither cached nor new input; creating a cache has nothing else."""
    bands = token_bands({**NO_TOKENS, "input": 100, "cached": 60, "cache_write": 30, "output": 5})
    assert [(band.label, band.tokens) for band in bands] == [
        ("cached", 60),
        ("written to the cache", 30),
        ("new input", 10),
        ("output", 5),
    ]
    created = token_bands({**NO_TOKENS, "cache_write": 4096, "total": 4096})
    assert [(band.label, band.tokens) for band in created] == [("written to the cache", 4096)]
