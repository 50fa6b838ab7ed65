"""The SQLite store beside other processes that use the same file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gemtap.stores.base import Filter
from gemtap.stores.sqlite import SqliteStore
from tests.records import make_record

pytestmark = pytest.mark.anyio

COUNT = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as connection:
    print(connection.execute("SELECT count(*) FROM interactions").fetchone()[0])
"""


def counted_elsewhere(path: Path) -> int:
    """By another process, which opens the file and closes it again."""
    done = subprocess.run([sys.executable, "-c", COUNT, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


async def test_a_reader_that_leaves_takes_nothing_with_it(tmp_path: Path) -> None:
    """The last process to close the file deletes the write-ahead log: a reader must not take itself for that."""
    path = tmp_path / "gemtap.db"
    store = SqliteStore(path)
    await store.open()
    for count in range(1, 6):
        await store.put([make_record()])
        # Reading opens connections beside the one that writes.
        assert len(await store.list(Filter(), limit=10)) == count
        assert counted_elsewhere(path) == count
        assert Path(f"{path}-wal").exists()
    await store.close()
    assert counted_elsewhere(path) == 5


async def test_what_was_stored_survives_without_a_close(tmp_path: Path) -> None:
    """A process that is killed has closed nothing."""
    path = tmp_path / "gemtap.db"
    script = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from gemtap.stores.sqlite import SqliteStore; from tests.records import make_record\n"
        "async def main():\n"
        "    store = SqliteStore(Path(sys.argv[1])); await store.open()\n"
        "    for _ in range(7): await store.put([make_record()])\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    project = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=project, check=False)
    assert done.returncode == -9
    assert counted_elsewhere(path) == 7


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Only the owner may read the database and its write-ahead log."""
    mask = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "new" / "gemtap.db")
        await store.open()
        await store.put([make_record()])
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
        await store.close()
    finally:
        os.umask(mask)
    assert modes == {"gemtap.db": 0o600, "gemtap.db-wal": 0o600, "gemtap.db-shm": 0o600}
