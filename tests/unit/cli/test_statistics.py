"""`gemtap stats`: counts and small charts."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import typer
from typer.core import TyperGroup

from gemtap.cli import statistics as cli
from gemtap.cli.app import Failed, app
from gemtap.interaction import NO_TOKENS
from gemtap.settings import SettingsError
from gemtap.stores.base import Record
from gemtap.stores.statistics import Bucket, Grouping
from tests.records import NOON, make_record
from tests.unit.cli.conftest import invoke, keep, shown

BROKEN = {"message": "broken", "details": None}


def record(day: int, model: str | None = "gemini-2.5-pro", **fields: Any) -> Record:
    return make_record(timestamp=NOON + timedelta(days=day), model=model, **fields)


def lines(*arguments: str) -> list[list[str]]:
    """The words of each line that `stats` prints."""
    return [line.split() for line in shown("stats", *arguments).splitlines()]


def test_without_a_field_models_are_told_apart() -> None:
    """Without options, statistics are grouped by model."""
    keep(record(0), record(1, error=BROKEN, cost=None), record(1, "other", cost=None))
    head, first, second = lines()
    assert head[:3] == ["model", "requests", "errors"]
    assert first == ["gemini-2.5-pro", "2", "1", "14", "0", "0", "4", "$0.000125", "1.23", "1.23", "0.80", "█" * 24]
    assert second == ["other", "1", "0", "7", "0", "0", "2", "?", "1.23", "1.23", "0.80", "█" * 12]


def test_a_plus_says_that_not_every_cost_is_known() -> None:
    """A plus marks sums with unknown costs."""
    keep(record(0, cost={"usd": 1234.5, "source": "test"}), record(0, cost=None))
    assert lines()[1][7] == "$1,234.50+"


def test_buckets_are_rows_with_bars() -> None:
    """Buckets are rows with bars."""
    keep(*(record(0, cost={"usd": 3.0, "source": "test"}) for _ in range(3)), record(40))
    _, first, second = lines("--bucket", "month", "--chart", "requests")
    assert (first[0], first[1], first[-1]) == ("2026-03", "3", "█" * 24)
    assert (second[0], second[1], second[-1]) == ("2026-04", "1", "█" * 8)
    assert lines("--bucket", "hour")[1][:2] == ["2026-03-14", "12:00"]
    assert lines("--bucket", "month", "--chart", "cost")[2][-1] == "0.80"  # so little that there is no bar


def test_both_make_lines_of_buckets() -> None:
    """A field and a bucket together give a row per value with a chart."""
    keep(*(record(0) for _ in range(8)), record(2), record(1, "other"))
    head, first, second = lines("--bucket", "day", "--by", "model")
    assert " ".join(head[-6:]) == "requests by day, 2026-03-14 to 2026-03-16"
    assert first[0] == "gemini-2.5-pro"
    assert shown("stats", "--bucket", "day", "--by", "model").splitlines()[1].rstrip().endswith("█ ▂")
    assert second[-1] == "▂"


def test_of_many_buckets_there_are_the_last() -> None:
    """Only the last buckets are shown."""
    keep(record(0), record(100))
    head, first = lines("--bucket", "day", "--by", "provider")
    assert " ".join(head[-3:]) == "2026-04-24 to 2026-06-22"
    assert first[1] == "2"


def test_of_what_there_is_none_there_is_none() -> None:
    """Empty statistics say so."""
    keep(record(0, None, request_duration_ms=None, error=BROKEN))
    row = lines("--chart", "tokens")[1]
    assert (row[0], row[8]) == ("none", "–")
    assert lines("--bucket", "week", "--by", "user", "--chart", "errors")[1][-1] == "█"


def test_json_is_what_the_api_gives() -> None:
    """The JSON output equals that of the API."""
    keep(record(0), record(1))
    rows = json.loads(shown("stats", "--bucket", "day", "--by", "model", "--json"))["rows"]
    assert [(row["bucket"], row["key"], row["requests"]) for row in rows] == [
        ("2026-03-14T00:00:00.000Z", "gemini-2.5-pro", 1),
        ("2026-03-15T00:00:00.000Z", "gemini-2.5-pro", 1),
    ]
    assert rows[0]["duration_ms"] == {"p50": 1234.567, "p95": 1234.567, "p99": 1234.567}


def test_a_query_counts_what_it_finds() -> None:
    """A query limits the statistics."""
    keep(record(0), record(1, "other"))
    assert lines("model:other", "since:2026-03-15")[1][:2] == ["other", "1"]
    assert shown("stats", "model:none") == "No matching interactions.\n"
    error = invoke("stats", "colour:red").exception
    assert isinstance(error, SettingsError)
    assert str(error).startswith("Bad query: Unknown field 'colour'.")


def test_where_nothing_is_recorded_it_says_so() -> None:
    """Without a store, the command says so."""
    assert isinstance(invoke("stats").exception, Failed)


def test_tools_have_rows_with_failures_times_and_cost() -> None:
    """Tools are counted by their calls; a question mark stands for failures that the format does not mark."""
    called = record(0, tool_use={"calls": [{"name": "bash", "times": 2}, {"name": "ls", "times": 1}], "results": []})
    thread = {"id": called.document["_id"], "turn": 2, "parent": called.document["_id"], "new_messages": 1}
    results = [{"name": "bash", "times": 2, "failed": 1}, {"name": "ls", "times": 1, "failed": None}]
    brought = make_record(
        timestamp=NOON + timedelta(seconds=5),
        thread=thread,
        tool_use={"calls": [], "results": results},
        cost={"usd": 0.3, "source": "test"},
    )
    keep(called, brought)
    head, bash, ls = lines("--by", "tool")
    assert head == ["tool", "calls", "results", "failed", "median", "s", "p95", "s", "cost", "calls"]
    assert bash == ["bash", "2", "2", "1", "3.77", "3.77", "$0.2000", "█" * 24]
    assert ls == ["ls", "1", "1", "?", "3.77", "3.77", "$0.1000", "█" * 12]
    assert lines("--by", "tool", "--chart", "errors")[1][-1] == "█" * 24
    assert json.loads(shown("stats", "--by", "tool", "--json"))["rows"][0]["failed"] == 1
    assert shown("stats", "--by", "tool", "until:2000-01-01") == "No matching interactions use tools.\n"
    for wrong in ("--bucket", "day"), ("--chart", "tokens"):
        assert isinstance(invoke("stats", "--by", "tool", *wrong).exception, SettingsError)


def test_the_cost_on_other_models_is_beside_the_recorded_one() -> None:
    """Tokens without a price are named; an unknown model has no cost."""
    keep(record(0, tokens={**NO_TOKENS, "input": 1_000_000, "cache_write": 200_000, "output": 0}))
    head, recorded, gpt, none, *note = lines("--compare", "gpt-5", "--compare", "no-such-model")
    assert head == ["model", "cost", "without", "a", "price"]
    assert recorded == ["as", "recorded", "$0.000125"]
    assert gpt == ["gpt-5", "$1.00", "200,000", "cache", "writes"]
    assert " ".join(none) == "no-such-model ? no price of this model is known"
    assert "list prices" in " ".join(word for line in note for word in line)
    assert json.loads(shown("stats", "--compare", "gpt-5", "--json"))["rows"][0]["usd"] == 1.0
    assert shown("stats", "--compare", "gpt-5", "model:none") == "No matching interactions.\n"
    assert isinstance(invoke("stats", "--compare", "gpt-5", "--by", "model").exception, SettingsError)


def test_the_choices_are_those_of_the_stores() -> None:
    """The options are those that stores support."""
    assert get_args(cli._By) == get_args(Grouping)
    assert get_args(cli._Bucket) == get_args(Bucket)


def test_its_examples_run() -> None:
    """The examples of the help run."""
    now = datetime.now(UTC)
    use = {"calls": [{"name": "cline_tool", "times": 1}], "results": []}
    keep(make_record(timestamp=now), make_record(timestamp=now, tool_use=use))
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    examples = re.findall(r"^\s*Example: gemtap (.+)$", group.commands["stats"].help or "", re.M)
    assert len(examples) == 6
    for example in examples:
        text = shown(*shlex.split(example.partition(" | ")[0]))
        assert "gemini-2.5-" in text or "cline" in text or f"{now:%Y-%m-%d}" in text, example


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "[bold]", "a\nb", "\u202e"])
def test_names_move_no_cursor(hostile: str) -> None:
    """Control characters in names are not sent to the terminal."""
    keep(record(0, hostile))
    for arguments in ([], ["--bucket", "day", "--by", "model"]):
        text = shown("stats", *arguments)
        assert len(text.splitlines()) == 2
        assert not set(text) & {"\x1b", "\u202e"}
