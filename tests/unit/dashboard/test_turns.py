"""The turns of a thread, and the pictures of how it grew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId

from gemtap.dashboard.growth import charts_of
from gemtap.dashboard.turn_groups import group_with, groups_of
from gemtap.dashboard.turns import sums_of, turns_of
from gemtap.interaction import summary, to_json
from tests.records import NOON, make_record

THREAD = ObjectId()


class Making:
    """Turns, a second after each other."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def turn(self, parent: str | None, asked: str, *, tokens: dict[str, int] | None = None, **fields: Any) -> str:
        number = next((each["thread"]["turn"] + 1 for each in self.items if each["id"] == parent), 1)
        record = make_record(
            timestamp=NOON + timedelta(seconds=len(self.items)),
            thread={
                "id": THREAD,
                "turn": number,
                "parent": ObjectId(parent) if parent else None,
                "new_messages": 1,
            },
            preview={"prompt": asked, "answer": "Well."},
            tokens={**make_record().document["tokens"], **(tokens or {})},
            **fields,
        )
        self.items.append(to_json(summary(record.document)))
        return str(record.document["_id"])


def test_the_way_is_what_led_to_the_end() -> None:
    """The path has the turns that led to the last one."""
    made = Making()
    first = made.turn(None, "one")
    failed = made.turn(first, "two", outcome="upstream_timeout")
    second = made.turn(first, "two")
    aside = made.turn(first, "another")
    third = made.turn(second, "three")
    turns = turns_of(made.items[::-1])
    assert [(turn.item["id"], turn.number, turn.kind) for turn in turns] == [
        (first, 1, "way"),
        (failed, 2, "retry"),
        (second, 2, "way"),
        (aside, 2, "branch"),
        (third, 3, "way"),
    ]


def test_a_last_turn_that_failed_gives_way_to_the_one_that_was_answered() -> None:
    """A failed last turn is not the end of the path."""
    made = Making()
    first = made.turn(None, "one")
    made.turn(first, "two")
    made.turn(first, "two", error={"message": "Too many requests", "details": None})
    assert [turn.kind for turn in turns_of(made.items)] == ["way", "way", "retry"]


def test_a_thread_whose_beginning_was_deleted_is_one_still() -> None:
    """A thread without its beginning is shown."""
    made = Making()
    second = made.turn(str(ObjectId()), "two")
    made.turn(second, "three")
    assert [turn.kind for turn in turns_of(made.items)] == ["way", "way"]
    assert turns_of([]) == []


def test_a_context_that_shrank_and_a_cache_that_was_lost_are_told() -> None:
    """A smaller context and a lost cache are noted."""
    made = Making()
    first = made.turn(None, "one", tokens={"input": 1000, "cached": 0})
    second = made.turn(first, "two", tokens={"input": 2000, "cached": 900})
    third = made.turn(second, "three", tokens={"input": 1500, "cached": 0})
    made.turn(third, "four", tokens={"input": 1490, "cached": 1200})
    assert [(turn.shrank_by, turn.lost_cache) for turn in turns_of(made.items)] == [
        (0, False),
        (0, False),
        (500, True),
        (0, False),
    ]


def test_sums_leave_out_what_is_not_known() -> None:
    """Sums omit unknown values."""
    made = Making()
    first = made.turn(None, "one", tokens={"input": 100, "output": 5})
    made.turn(first, "two", tokens={"input": 300, "output": 7}, cost=None, request_duration_ms=None)
    sums = sums_of(turns_of(made.items))
    assert (sums.tokens["input"], sums.tokens["output"], sums.tokens["tool_use"]) == (400, 12, None)
    assert (sums.most_input, sums.usd, sums.duration_ms) == (300, 0.000125, 1234.567)


def test_columns_are_as_tall_as_their_numbers() -> None:
    """The heights of columns are proportional."""
    made = Making()
    first = made.turn(None, "one", tokens={"input": 100, "cached": 0}, cost=None)
    made.turn(first, "two", tokens={"input": 400, "cached": 300}, cost=None, request_duration_ms=1000)
    charts = charts_of(turns_of(made.items))
    context, time = charts.charts
    assert (context.top, context.told) == ("400 tokens", ("100 tokens", "400 tokens"))
    assert (time.top, time.told) == ("1.23 s", ("1.23 s", "1.00 s"))
    assert [(bars.kind, bars.path) for bars in context.bars] == [
        ("input", "M1 750h8v250h-8zM11 0h8v250h-8z"),
        ("cached", "M11 250h8v750h-8z"),
    ]
    assert charts.width == 120
    assert [(bars.kind, bars.path.split("M")[2]) for bars in time.bars] == [
        ("wait", "11 352h8v648h-8z"),
        ("output", "11 190h8v162h-8z"),
    ]


def test_many_turns_share_the_width() -> None:
    """Many turns share the width of the chart."""
    made = Making()
    parent = None
    for number in range(200):
        parent = made.turn(parent, str(number))
    charts = charts_of(turns_of(made.items))
    assert len(charts.columns) == 200
    assert charts.width == 2000
    assert charts.charts[0].bars[0].path.count("M") == 200
    assert charts.to_script()[7] == [made.items[7]["id"], "turn 8"]


def test_a_column_shows_the_largest_of_several_turns_of_a_very_long_thread() -> None:
    """Columns that are narrower than a pixel would show nothing."""
    made = Making()
    parent = None
    for number in range(401):
        parent = made.turn(parent, str(number), tokens={"input": 900 if number == 400 else number + 1, "cached": 0})
    charts = charts_of(turns_of(made.items))
    assert len(charts.columns) == 134
    assert charts.charts[0].told[:2] == ("3 tokens", "6 tokens")
    assert charts.charts[0].told[-1] == "900 tokens"
    assert charts.to_script()[1] == [made.items[3]["id"], "turns 4 to 6, the largest"]


def test_turns_are_in_groups_that_are_found_by_any_of_them() -> None:
    """The groups have all turns in order, and a name."""
    made = Making()
    parent = None
    for number in range(45):
        parent = made.turn(parent, str(number))
    turns = turns_of(made.items)
    groups = groups_of(turns)
    assert [turn for group in groups for turn in group.turns] == turns
    assert [group.title for group in groups] == ["turns 1 to 20", "turns 21 to 40", "turns 41 to 45"]
    assert group_with(turns, turns[39].item["id"]) == groups[1]
    assert group_with(turns, "none") is None
    assert groups[2].id == turns[40].item["id"]
