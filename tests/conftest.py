"""Fixtures that every kind of test uses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from tests.mongod import Mongod

# How long an example takes says how busy the machine is.
settings.register_profile("plain", deadline=None)
settings.load_profile("plain")
settings.register_profile(
    "fuzz",  # of `make fuzz`
    max_examples=int(os.environ.get("GEMTAP_TEST_FUZZ_EXAMPLES", "2000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

_MEMORY: Final = Path("/dev/shm")
_ENOUGH: Final = 6 * 10**9
"""Bytes that must be free in memory for the tests' folders to be there; a run takes about 2 GB."""


def _keep_folders_in_memory() -> None:
    """Let pytest make its temporary folders in memory, if the machine has enough of it.

    SQLite and MongoDB sync every commit, which takes most of their tests' time on a disk. No test here shows that bytes
    survive a power cut: `make power` does, on disks of its own.
    """
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not _MEMORY.is_dir():
        return
    available = re.search(r"^MemAvailable: *(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    if available and min(int(available[1]) * 1024, shutil.disk_usage(_MEMORY).free) >= _ENOUGH:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)


_keep_folders_in_memory()

# Many containers set this. Each of the hundreds of processes that a run starts would compile all of Gemtap again, which
# is half of what its start takes, and pytest would do so with the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start what goes on in the background like that, and processes inherit it: no Ctrl-C would end them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Gemtap is an asyncio program."""
    return "asyncio"


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB server for the whole run: not one to be stopped."""
    server = Mongod(tmp_path_factory.mktemp("mongod"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def mongod_url(mongod: Mongod) -> Iterator[str]:
    """The address of an empty database, which is dropped after the test."""
    database = f"test_{ObjectId()}"
    try:
        yield f"{mongod.url}/{database}"
    finally:
        with MongoClient[dict[str, object]](mongod.url) as client:
            client.drop_database(database)
