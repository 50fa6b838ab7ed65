"""Limits, their list, their file and their windows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import (
    MOST_LIMITS,
    BadLimit,
    LimitList,
    Measure,
    Subject,
    from_json,
    parse_amount,
    parse_subject,
    put,
    remove,
    show_amount,
)
from gemtap.limits.windows import ALWAYS, Span, window_at, window_from

ANA = Subject("user", "ana")


@pytest.mark.parametrize(
    ("measure", "text", "amount", "span"),
    [
        ("requests", "60/minute", 60, "minute"),
        ("requests", "2 per s", 2, "second"),
        ("requests", "0/day", 0, "day"),
        ("concurrent", "8", 8, None),
        ("tokens", "5M/day", 5_000_000, "day"),
        ("tokens", "1.5k/h", 1500, "hour"),
        ("tokens", "2B/month", 2_000_000_000, "month"),
        ("cost", "10usd/day", 10_000_000, "day"),
        ("cost", "$0.25/hour", 250_000, "hour"),
        ("cost", "1k usd/month", 1_000_000_000, "month"),
    ],
)
def test_amounts_as_people_write_them(measure: Measure, text: str, amount: int, span: Span | None) -> None:
    """Every measure has a form of its own; cost is counted in micro-dollars."""
    assert parse_amount(measure, text) == (amount, span)


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        ("requests", "60"),
        ("requests", "1.5/minute"),
        ("requests", "60/fortnight"),
        ("requests", "-1/minute"),
        ("requests", "10usd/day"),
        ("concurrent", "8/minute"),
        ("concurrent", "many"),
        ("cost", "10/day"),
        ("cost", "0.0000001usd/day"),
        ("tokens", "9999999999M/day"),
        ("tokens", ""),
    ],
)
def test_amounts_that_are_none(measure: Measure, text: str) -> None:
    """The error shows an example of the measure, or says what is too much."""
    with pytest.raises(BadLimit, match=r"must be like|can count"):
        parse_amount(measure, text)


@settings(deadline=None)
@given(st.sampled_from(get_args(Measure)), st.integers(0, 10**15), st.sampled_from(get_args(Span)))
def test_an_amount_that_is_shown_can_be_set(measure: Measure, amount: int, span: Span) -> None:
    """What lists show is what the command takes, to the last digit."""
    its_span = None if measure == "concurrent" else span
    assert parse_amount(measure, show_amount(measure, amount, its_span)) == (amount, its_span)


@pytest.mark.parametrize("text", ["ana", "a.b@c.example", "model:gemini-*", "client:Claude Code", "all"])
def test_subjects_as_people_write_them(text: str) -> None:
    """A subject is shown as it is set."""
    assert str(parse_subject(text)) == text


def test_a_user_may_be_written_as_in_queries() -> None:
    """`user:ana` is ana. Nobody can be called all."""
    assert parse_subject("user:ana") == parse_subject("ana")


_NO_SUBJECTS = ["", "*", "a b", "user:", "user:all", "model:", "client: ", "model:" + "x" * 201, "model:a\nb"]


@pytest.mark.parametrize("text", _NO_SUBJECTS)
def test_subjects_that_are_none(text: str) -> None:
    """A pattern needs its kind, and a user is one user."""
    with pytest.raises(BadLimit):
        parse_subject(text)


def test_setting_a_limit_again_changes_its_amount_and_keeps_its_count() -> None:
    """The id stays, whatever case the name is in; another window is another limit."""
    first = put(LimitList(), ANA, "tokens", 100, "day")
    second = put(first, Subject("user", "Ana"), "tokens", 200, "day")
    assert [(each.id, each.amount) for each in second.limits] == [(first.limits[0].id, 200)]
    third = put(second, ANA, "tokens", 3000, "month")
    assert [each.span for each in third.limits] == ["day", "month"]
    assert len({each.slot for each in third.limits}) == 2


def test_a_removed_limit_leaves_its_slot_and_never_its_id() -> None:
    """The next limit starts from nothing, although it may have the same place."""
    before = put(put(LimitList(), ANA, "requests", 1, "day"), ANA, "concurrent", 1, None)
    left, gone = remove(before, ANA, "requests")
    assert [each.measure for each in gone] == ["requests"]
    again = put(left, ANA, "requests", 1, "day")
    assert again.limits[1].slot == gone[0].slot
    assert again.limits[1].id != gone[0].id
    assert remove(again, ANA)[0] == LimitList()
    with pytest.raises(BadLimit, match="There are limits for: ana"):
        remove(again, Subject("all", ""))


def test_there_is_an_end_to_limits() -> None:
    """The ledger has a place for each."""
    limits = LimitList()
    for number in range(MOST_LIMITS):
        limits = put(limits, Subject("user", f"u{number}"), "requests", 1, "day")
    with pytest.raises(BadLimit, match="unset"):
        put(limits, ANA, "requests", 1, "day")


def test_the_file_gives_back_what_was_set(tmp_path: Path) -> None:
    """A file that is damaged is an error, and not a Gemtap without limits."""
    file = LimitFile(tmp_path)
    file.change(lambda before: (put(before, ANA, "cost", 10, "day"), None))
    assert [str(each) for each in file.read().limits] == ["cost of ana, 0.00001usd/day"]
    value = json.loads(file.path.read_text())
    assert from_json(value) == file.read()
    damages: list[dict[str, Any]] = [
        {"version": 2},
        {"limits": [{}]},
        {"limits": value["limits"] * 2},
        {"limits": [{**value["limits"][0], "slot": MOST_LIMITS}]},
        {"limits": [{**value["limits"][0], "span": None}]},
        {"limits": [{**value["limits"][0], "measure": "fun"}]},
    ]
    for damage in damages:
        file.path.write_text(json.dumps({**value, **damage}))
        with pytest.raises(OSError, match=r"limits\.json is damaged"):
            file.read()


def test_windows_are_fixed_and_in_utc() -> None:
    """A month is one of the calendar; whatever is concurrent has no window."""
    at = datetime(2026, 2, 28, 23, 59, 59, 500_000, tzinfo=UTC).timestamp()
    shown = {span: datetime.fromtimestamp(window_at(span, at).start, UTC).isoformat()[:19] for span in get_args(Span)}
    assert shown == {
        "second": "2026-02-28T23:59:59",
        "minute": "2026-02-28T23:59:00",
        "hour": "2026-02-28T23:00:00",
        "day": "2026-02-28T00:00:00",
        "month": "2026-02-01T00:00:00",
    }
    assert {window_at(span, at).end for span in get_args(Span)} == {int(at) + 1}
    assert window_at(None, at) == ALWAYS


@settings(deadline=None)
@given(st.sampled_from(get_args(Span)), st.integers(0, 2**32))
def test_each_window_ends_where_the_next_begins(span: Span, at: int) -> None:
    """A moment is in one window, and neighbours have places of their own in the ledger."""
    window = window_at(span, at)
    following = window_at(span, window.end)
    assert window.start <= at < window.end == following.start
    assert window.parity != following.parity
    assert window_from(span, window.start) == window
