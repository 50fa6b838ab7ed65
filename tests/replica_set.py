"""Three real mongods that are one replica set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.mongod import Mongod

_PATIENCE: Final = 60.0
_ELECTION_TIMEOUT_MS: Final = 1_000
"""In place of MongoDB's 10 s: tests kill the primary often."""


class ReplicaSet:
    """The members, each on a port of its own on 127.0.0.1."""

    def __init__(self, folder: Path, members: int = 3) -> None:
        self.members = [Mongod(folder / str(n), "--replSet", "rs", "--oplogSize", "64") for n in range(members)]

    def url(self, database: str) -> str:
        """The address of a database in the set."""
        return f"mongodb://{','.join(self._hosts())}/{database}?replicaSet=rs"

    def start(self) -> None:
        """Start the members, make them a set, and wait for a primary."""
        for member in self.members:
            member.start()
        config = {
            "_id": "rs",
            "members": [{"_id": n, "host": host} for n, host in enumerate(self._hosts())],
            "settings": {"electionTimeoutMillis": _ELECTION_TIMEOUT_MS, "heartbeatIntervalMillis": 200},
        }
        with _connected(self.members[0]) as client:
            client.admin.command("replSetInitiate", config)
        self.primary()

    def stop(self) -> None:
        """Kill every member. Members that are asked to stop wait for each other, up to 50 s."""
        for member in self.members:
            if member.is_running:
                member.kill()

    def primary(self) -> Mongod:
        """The member that takes writes, as soon as there is one."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            for member in self.members:
                if member.is_running and _is_primary(member):
                    return member
            assert time.monotonic() < deadline, "no member was elected"
            time.sleep(0.1)

    def kill_the_primary(self) -> None:
        """kill -9; return when another has been elected and the killed one runs again."""
        killed = self.primary()
        killed.kill()
        self.primary()
        killed.start()

    def _hosts(self) -> list[str]:
        return [f"127.0.0.1:{member.port}" for member in self.members]


def _is_primary(member: Mongod) -> bool:
    try:
        with _connected(member) as client:
            return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _connected(member: Mongod) -> MongoClient[dict[str, Any]]:
    return MongoClient(member.url, directConnection=True, serverSelectionTimeoutMS=2_000)
