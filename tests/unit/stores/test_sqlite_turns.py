"""Who wants to write waits for its turn, and gets it, however busy others are."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from gemtap.stores.sqlite.connections import connect, transaction


def test_who_writes_without_a_pause_lets_others_in(tmp_path: Path) -> None:
    """A thread that writes all the time does not keep other writers waiting."""
    path = tmp_path / "gemtap.db"
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
    over = threading.Event()
    began = threading.Event()
    written = 0

    def write_on_and_on() -> None:
        nonlocal written
        with closing(connect(path)) as connection:
            while not over.is_set():
                with transaction(connection, "IMMEDIATE"):
                    connection.execute("INSERT INTO numbers VALUES (1)")
                    began.set()
                    time.sleep(0.05)
                written += 1

    writing = threading.Thread(target=write_on_and_on)
    writing.start()
    try:
        assert began.wait(10)
        with closing(connect(path)) as connection:
            before = written
            for _ in range(10):
                with transaction(connection, "IMMEDIATE"):
                    connection.execute("INSERT INTO numbers VALUES (2)")
            waited = written - before
    finally:
        over.set()
        writing.join()
    assert waited <= 30  # of SQLite's lock alone the first of the ten waits for longer


def test_a_transaction_that_fails_gives_its_turn_back(tmp_path: Path) -> None:
    """After a failed transaction, other threads can write."""
    with closing(connect(tmp_path / "gemtap.db")) as connection:
        for _ in range(2):
            try:
                with transaction(connection, "IMMEDIATE"):
                    connection.execute("INSERT INTO absent VALUES (1)")
            except sqlite3.OperationalError:
                continue
        with transaction(connection, "IMMEDIATE"):
            connection.execute("CREATE TABLE present (number INTEGER)")
