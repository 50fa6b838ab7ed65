"""Commands over a database with rows that no program can have written: pages of its file were overwritten."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.records import make_record
from tests.unit.cli.conftest import keep, run


def allow_null(database: Path, table: str, column: str, *, allowed: bool) -> None:
    """Change the rule of a column behind SQLite's back."""
    strict, lax = f"{column} NOT NULL", column
    before, after = (strict, lax) if allowed else (lax, strict)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        change = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?"
        assert connection.execute(change, (before, after, table)).rowcount == 1


@pytest.fixture(params=["packs", "interactions"])
def database(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A database with NULLs where there are none."""
    column, change = {
        "packs": ("span INTEGER", "UPDATE packs SET span = NULL"),
        "interactions": ("id BLOB", "UPDATE interactions SET id = NULL, document = x'00'"),
    }[request.param]
    keep(*(make_record(request_raw=bytes(range(256)) * 400) for _ in range(3)))
    database = folder / "data/gemtap.db"
    allow_null(database, request.param, column, allowed=True)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        assert connection.execute(change).rowcount > 0
    allow_null(database, request.param, column, allowed=False)
    return database


def test_repair_says_that_only_a_backup_helps(database: Path) -> None:
    """Such rows cannot be moved aside."""
    done = run("repair")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.startswith(f"gemtap: The database {database}: it is damaged. Stop Gemtap, then restore a backup ")
    assert "(NULL value in " in said
    assert said.count("\n") == 1


def test_check_names_the_damage_and_no_interaction_that_is_not_there(database: Path) -> None:
    """It goes on as far as it can, without a traceback."""
    done = run("check")
    assert done.returncode == 1
    said = (done.stdout + done.stderr).decode()
    assert "NULL value in " in said
    assert "Traceback" not in said
    assert not re.search(r"^[0-9a-f]{24}:", said, re.M)
