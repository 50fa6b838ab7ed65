"""Searches for a secret in every place where it could be stored."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import zstandard
from pymongo import MongoClient

from tests.mongod import Mongod


def files_with(secret: re.Pattern[bytes], folder: Path) -> list[str]:
    """Files that contain it: databases, their logs, captures, recycled captures, logs, core dumps."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret.search(path.read_bytes())]


def sqlite_values(folder: Path) -> Iterator[bytes]:
    """Every value of every table, decompressed if needed, and the texts that the search index reveals."""
    for path in folder.rglob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for table, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
                if sql.startswith("CREATE VIRTUAL TABLE"):
                    yield from indexed_texts(connection, table)
                    continue
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield from (as_bytes(value) for value in row)


def indexed_texts(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    """The words of each text in an FTS5 table, in order: https://www.sqlite.org/fts5.html#fts5vocab"""
    connection.execute(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, '{table}', instance)")
    words = connection.execute('SELECT doc, term FROM temp.vocabulary ORDER BY doc, "offset"').fetchall()
    for _, text in groupby(words, lambda row: row[0]):
        yield " ".join(term for _, term in text).encode()
    connection.execute("DROP TABLE temp.vocabulary")


def mongodb_values(mongod: Mongod, database: str) -> Iterator[bytes]:
    with MongoClient[dict[str, object]](mongod.url) as client:
        for name in client[database].list_collection_names():
            for document in client[database][name].find():
                yield from leaves(document)


def leaves(value: object) -> Iterator[bytes]:
    match value:
        case dict():
            for name, item in value.items():
                yield name.encode()
                yield from leaves(item)
        case list():
            for item in value:
                yield from leaves(item)
        case _:
            yield as_bytes(value)


def as_bytes(value: object) -> bytes:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return raw
