"""Tables in terminals of several widths."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.records import NOON, make_record
from tests.unit.cli.conftest import PATIENCE, command, keep, shown

LONG = "Find out why the date picker shows yesterday for users west of Greenwich, and fix it everywhere. " * 2
BROKEN = {"message": "overloaded", "details": None}
TOKENS = {"input": 123_456, "cached": None, "output": 7_890, "reasoning": 0, "tool_use": None, "total": 131_346}


def on_terminal(width: int, *arguments: str) -> list[str]:
    """The lines that a command prints in a terminal of this many columns."""
    leader, follower = pty.openpty()
    environment = os.environ | {"PAGER": "cat", "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(width)}
    process = subprocess.Popen(command(arguments), stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        shown += piece
    os.close(leader)
    assert process.wait(PATIENCE) == 0, shown
    return [line.replace("\x1b[2m", "").replace("\x1b[0m", "").rstrip() for line in shown.decode().splitlines()]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["id", "time", "prompt", "status", "input", "output", "cost", "duration"]),
        (100, ["id", "time", "model", "prompt", "status", "input", "output", "cost", "duration"]),
        (120, ["id", "time", "client", "model", "prompt", "response", "status", "input", "output", "cost", "duration"]),
        (200, ["id", "time", "client", "model", "prompt", "response", "status", "input", "output", "cost", "duration"]),
    ],
)
def test_a_list_fits_its_terminal(folder: Path, width: int, titles: list[str]) -> None:
    """Narrow terminals get fewer columns, and whole numbers: only texts are shortened."""
    preview = {"prompt": LONG[:200], "answer": LONG[:200]}
    keep(make_record(preview=preview, tokens=TOKENS, cost={"usd": 0.012345, "source": "test"}, streaming=True))
    head, row = on_terminal(width, "ls")[:2]
    assert head.replace("(UTC)", "").split() == titles
    assert max(len(head), len(row)) <= width
    for number in ("200", "123,456", "7,890", "$0.0123", "1.23 s"):
        assert number in row
    assert "…" in row


@pytest.mark.parametrize("width", [80, 140])
def test_a_long_ending_leaves_room_for_the_model(folder: Path, width: int) -> None:
    """Endings are shortened, and ids and times are short, so that the texts have room."""
    names: dict[str, Any] = {"preview": {"prompt": LONG, "answer": LONG}, "tokens": TOKENS, "model": "gemini-2.5-pro"}
    keep(make_record(outcome="upstream_disconnected", **names), make_record(error=BROKEN, streaming=True, **names))
    lines = on_terminal(width, "ls")
    assert max(map(len, lines)) <= width
    assert any("200 · upstream disc…" in line for line in lines)
    assert any("200 · stream error" in line for line in lines)
    assert "Find out why th" in lines[1]
    assert ("model" in lines[0]) is (width == 140)


def test_limits_fit_their_terminal(folder: Path) -> None:
    """One line for each limit: long names are shortened, amounts are whole."""
    for subject in ("all", "model:gemini-*-with-a-very-long-name-of-a-model-*"):
        shown("limits", "set", subject, "--cost", "1.25usd/day", "--requests", "60/minute")
    lines = on_terminal(80, "limits", "ls")
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    assert all("1.25usd/day" in line and "$0.00 of $1.25" in line for line in lines[1::2])


def test_a_chart_that_was_asked_for_is_shown(folder: Path) -> None:
    """In place of other figures."""
    keep(make_record())
    assert "cost by hour" in on_terminal(80, "stats", "--by", "model", "--bucket", "hour", "--chart", "cost")[0]
    assert "tokens" in on_terminal(80, "stats", "--chart", "tokens")[0].split()


def test_a_plus_is_explained_on_a_terminal(folder: Path) -> None:
    """A pipe gets the table alone, and nothing is explained that is not there."""
    priced = {"usd": 1.5, "source": "test"}
    keep(make_record(cost=priced))
    says = "+: some requests have no known cost, and are not in this."
    assert says not in on_terminal(80, "stats")
    keep(make_record(cost=None))
    for arguments in (["stats"], ["stats", "--by", "model", "--bucket", "day"]):
        assert on_terminal(80, *arguments)[-1] == says
        assert says not in shown(*arguments)


def test_the_formats_of_exports_stay_in_columns(folder: Path) -> None:
    """A description that does not fit goes on below itself."""
    lines = on_terminal(60, "export")
    assert max(map(len, lines)) <= 60
    place = lines[0].index("every interaction")
    assert all(line[place - 1] == " " and line[place] != " " for line in lines)
    assert len(lines) > len([line for line in lines if line[0] != " "])


def test_wide_shows_everything(folder: Path) -> None:
    """`--wide` shortens nothing, whatever the width of the terminal."""
    (id_,) = keep(make_record(preview={"prompt": LONG[:150], "answer": LONG[:140]}))
    row = on_terminal(80, "ls", "--wide")[1]
    assert row.startswith(id_)
    assert " ".join(LONG[:150].split()) in row
    assert "1.23 s" in row


def test_a_pipe_gets_whole_ids_and_numbers(folder: Path) -> None:
    """However long the texts are: these are shortened, and nothing else."""
    names = {"name": "c" * 30, "version": None, "user_agent": None, "address": "127.0.0.1", "key": None, "user": None}
    thread = {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}
    (id_,) = keep(
        make_record(
            preview={"prompt": LONG, "answer": LONG},
            tokens=TOKENS,
            cost={"usd": 1234.5, "source": "test"},
            model="m" * 50,
            client=names,
            thread=thread,
            error=BROKEN | {"message": LONG},
            streaming=True,
        )
    )
    listed = shown("ls").splitlines()[1]
    assert listed.startswith(f"{id_}  2026-03-14 12:00:00  ")
    assert re.search(r"200 · stream error +123,456 +7,890 +\$1,234.50 +1.23 s$", listed)
    threads = shown("threads").splitlines()[1]
    assert threads.startswith(f"{thread['id']}  2026-03-14 12:00:00 ")
    assert "$1,234.50" in threads
    assert "$1,234.50" in shown("stats")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("name", ["threads", "stats"])
def test_other_tables_fit_too(folder: Path, name: str, width: int) -> None:
    """Threads and statistics fit their terminal with their counts and costs."""
    thread = {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}
    priced = {"usd": 1234.5, "source": "test"}
    keep(*(make_record(thread=thread, timestamp=NOON + timedelta(seconds=n), cost=priced) for n in range(3)))
    head, row = on_terminal(width, name)[:2]
    assert max(len(head), len(row)) <= width
    assert "$3,703.50" in row
    assert " 3 " in row
    if name == "threads":
        # A part of the id is enough for `gemtap ls --thread`.
        assert str(thread["id"]).endswith(row.split()[0])


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["name", "upstream", "key for replays"]),
        (140, ["name", "API", "paths", "upstream", "key for replays", "package"]),
        (200, ["name", "API", "paths", "upstream", "key for replays", "package"]),
    ],
)
def test_providers_are_listed_with_whole_variables(folder: Path, width: int, titles: list[str]) -> None:
    """A variable or an address that is cut is of no use: narrow terminals get fewer columns and more lines."""
    head, *rows = on_terminal(width, "providers")
    assert re.split(r"\s{2,}", head) == titles
    assert max(len(row) for row in rows) <= width
    text = "\n".join(rows)
    assert "…" not in text
    for variable in ("GEMINI_API_KEY or", "GOOGLE_API_KEY", "GOOGLE_OAUTH_ACCESS_TOKEN", "ANTHROPIC_API_KEY"):
        assert variable in text
    place = head.index("upstream")
    addresses = "".join(row[place : head.index("key")].strip() for row in rows)
    assert "https://{location}-aiplatform.googleapis.com" in addresses


def test_a_pipe_gets_a_line_for_each_provider(folder: Path) -> None:
    """For grep."""
    assert re.search(r"^gemini .* GEMINI_API_KEY or GOOGLE_API_KEY  +gemtap", shown("providers"), re.M)
