"""The schema's versions: numbered SQL files, each applied in one transaction, counted in `PRAGMA user_version`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources

import zstandard

from gemtap.stores.base import StoreError
from gemtap.stores.sqlite.connections import transaction


@cache
def migrations() -> tuple[str, ...]:
    """The SQL of every migration, in order: the first brings an empty database to version 1."""
    folder = resources.files("gemtap.stores.sqlite") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(file.read_text("utf-8") for file in files)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to this version of Gemtap; nothing is written where it is already there.

    Raises StoreError where the database comes from a newer version.
    """
    # What a migration reads old documents with.
    connection.create_function("unzstd", 1, lambda packed: zstandard.decompress(packed).decode(), deterministic=True)
    known = len(migrations())
    while (version := _version(connection)) != known:
        if version > known:
            raise StoreError(
                f"The database was written by a newer Gemtap: its schema has version {version}, "
                f"this one knows {known}. Update Gemtap, or choose another file."
            )
        with transaction(connection, "IMMEDIATE"):
            # Another process may have migrated while this one waited for the lock.
            if _version(connection) == version:
                for statement in _statements(migrations()[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements(sql: str) -> Iterator[str]:
    # executescript() would commit the transaction first.
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
