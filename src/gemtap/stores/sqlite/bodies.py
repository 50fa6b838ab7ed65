"""Where the bytes of bodies are kept."""

from __future__ import annotations

import sqlite3

import zstandard


class BodyStore:
    """Bytes by reference, each kept compressed in a row of its own. Runs inside the caller's transaction."""

    def put(self, connection: sqlite3.Connection, raw: bytes) -> int:
        """Keep the bytes and return the reference that gives them back."""
        row = connection.execute(
            "INSERT INTO bodies (zstd) VALUES (?) RETURNING number", (zstandard.compress(raw),)
        ).fetchone()
        reference: int = row[0]
        return reference

    def get(self, connection: sqlite3.Connection, reference: int) -> bytes:
        """The bytes that `put` was given."""
        (compressed,) = connection.execute("SELECT zstd FROM bodies WHERE number = ?", (reference,)).fetchone()
        return zstandard.decompress(compressed)

    def delete(self, connection: sqlite3.Connection, reference: int) -> None:
        """Let go of the bytes."""
        connection.execute("DELETE FROM bodies WHERE number = ?", (reference,))
