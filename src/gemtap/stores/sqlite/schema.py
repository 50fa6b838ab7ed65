"""The schema, its version in `PRAGMA user_version`, and databases of other versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from gemtap.stores.base import StoreError
from gemtap.stores.sqlite.connections import connect, transaction

VERSION: Final = 16
"""The version of `schema.sql`. Versions 1 to 10 were never released."""

_WITHOUT_CACHE_WRITES: Final = 11
"""The version before `cache_write_tokens` and `cache_saved_usd`. It is upgraded in place."""

_WITHOUT_SEARCHES: Final = 12
"""The version before saved searches and the indexes of sorted lists. It is upgraded in place."""

_WITHOUT_TOOL_USE: Final = 13
"""The version before `tool_use`. It is upgraded in place."""

_WITHOUT_LIMIT_USAGE: Final = 14
"""The version before limits. It is upgraded in place."""

_WITHOUT_ORDER_OF_TOOLS: Final = 15
"""The version before `interactions_with_tools` had the order of lists. It is upgraded in place."""

PRERELEASE: Final = 10
"""The last version before the first release. `gemtap copy` reads it."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the schema in an empty database, and upgrade the five versions before this one.

    Raises StoreError for a database of another version.
    """
    version = version_of(connection)
    if version == 0:
        with transaction(connection, "IMMEDIATE"):
            # Another process may have created the schema while this one waited for the lock.
            version = version_of(connection)
            if version == 0:
                for statement in _statements(_schema()):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
                return
    for older, upgrade in _UPGRADES.items():
        if version == older:
            with transaction(connection, "IMMEDIATE"):
                if version_of(connection) == older:
                    upgrade(connection)
            version = version_of(connection)
    if version > VERSION:
        raise StoreError(
            f"The database {path} was written by a newer Gemtap: its schema has version {version}, "
            f"this Gemtap knows {VERSION}. Update Gemtap, or choose another file with --store."
        )
    if version < VERSION:
        raise StoreError(
            f"The database {path} was written by a Gemtap from before the first release (schema {version}). "
            "Copy it into a new one: `gemtap copy --store sqlite:///OLD --to sqlite:///NEW`, and use the new file."
        )


def _add_cache_writes(connection: sqlite3.Connection) -> None:
    """Add the columns of version 12. Rows that are there keep NULL in them."""
    connection.execute("ALTER TABLE interactions ADD COLUMN cache_write_tokens INTEGER")
    connection.execute("ALTER TABLE interactions ADD COLUMN cache_saved_usd REAL")
    connection.execute("PRAGMA user_version = 12")


def _add_searches(connection: sqlite3.Connection) -> None:
    """Add the table and the indexes of version 13."""
    for beginning in (
        "CREATE TABLE gemtap_searches",
        "CREATE INDEX interactions_numbers",
        "CREATE INDEX interactions_failed_by_thread",
    ):
        connection.execute(_statement(beginning))
    connection.execute("PRAGMA user_version = 13")


def _add_tool_use(connection: sqlite3.Connection) -> None:
    """Add the column and the index of version 14, and the trigger for all columns."""
    connection.execute("ALTER TABLE interactions ADD COLUMN tool_use TEXT")
    connection.execute(_statement("CREATE INDEX interactions_with_tools"))
    connection.execute("DROP TRIGGER day_parts_after_update")
    connection.execute(_statement("CREATE TRIGGER day_parts_after_update"))
    connection.execute("PRAGMA user_version = 14")


def _add_limit_usage(connection: sqlite3.Connection) -> None:
    """Add the table of version 15 and its index."""
    connection.execute(_statement("CREATE TABLE gemtap_limit_usage"))
    connection.execute(_statement("CREATE INDEX gemtap_limit_usage_by_end"))
    connection.execute("PRAGMA user_version = 15")


def _order_tools(connection: sqlite3.Connection) -> None:
    """Replace the index of version 14 by that of version 16, which is in the order of lists."""
    connection.execute("DROP INDEX interactions_with_tools")
    connection.execute(_statement("CREATE INDEX interactions_with_tools"))
    connection.execute("PRAGMA user_version = 16")


_UPGRADES: Final = {
    _WITHOUT_CACHE_WRITES: _add_cache_writes,
    _WITHOUT_SEARCHES: _add_searches,
    _WITHOUT_TOOL_USE: _add_tool_use,
    _WITHOUT_LIMIT_USAGE: _add_limit_usage,
    _WITHOUT_ORDER_OF_TOOLS: _order_tools,
}
"""From each version to the next, in this order."""


def _statement(beginning: str) -> str:
    """The statement of the schema that begins so, apart from comments before it."""
    return next(each for each in _statements(_schema()) if beginning in each)


def open_prerelease(path: Path) -> sqlite3.Connection:
    """A connection to a database of this version, or one that only reads a database of version `PRERELEASE`.

    The tables of `PRERELEASE` differ from `schema.sql` only in what writing and maintenance need. Raises StoreError,
    sqlite3.Error and OSError.
    """
    connection = connect(path)
    try:
        if version_of(connection) == PRERELEASE:
            # Packs had no edition. Nothing changes this database, so the number of a pack identifies it.
            connection.execute("CREATE TEMP VIEW packs AS SELECT *, first AS edition FROM main.packs")
            # Nobody could save a search yet.
            connection.execute(
                "CREATE TEMP VIEW gemtap_searches AS SELECT '' AS name, '' AS query, 0 AS saved_at WHERE false"
            )
            connection.execute("PRAGMA query_only = ON")
        else:
            prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """The schema's version. 0 for an empty database."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


@cache
def _schema() -> str:
    return (resources.files("gemtap.stores.sqlite") / "schema.sql").read_text("utf-8")


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
