"""kill -9 of one process after the other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Final

from tests.crash.storm.ledger import Ledger
from tests.e2e.running_gemtap import RunningGemtap, eventually, is_free
from tests.mongod import Mongod
from tests.replica_set import ReplicaSet

_LONGEST_WAIT: Final = 0.6
"""Seconds between two kills, at most: often the victim has only just begun to start again."""

Database = Mongod | ReplicaSet | None


class Killer:
    """Kills the processes of one Gemtap and of its database, in rounds of random order.

    The supervisor comes once in a round: a new one forgets how often its children have died, and so does not let
    them wait longer and longer.
    """

    def __init__(self, gemtap: RunningGemtap, database: Database, ledger: Ledger, seed: int) -> None:
        self._gemtap = gemtap
        self._database = database
        self._ledger = ledger
        self._random = Random(seed)

    def kill(self, times: int) -> None:
        """So many kills; then everything runs again."""
        done = 0
        while done < times:
            for victim, kill in self._round()[: times - done]:
                time.sleep(self._random.uniform(0, _LONGEST_WAIT))
                kill()
                self._ledger.kills[victim] += 1
                done += 1

    def _round(self) -> list[tuple[str, Callable[[], None]]]:
        victims: list[tuple[str, Callable[[], None]]] = [
            ("tap", lambda: self._kill_child("gemtap.tap.entry")),
            ("tap", lambda: self._kill_child("gemtap.tap.entry")),
            ("desk", lambda: self._kill_child("gemtap.desk")),
            ("desk", lambda: self._kill_child("gemtap.desk")),
            ("supervisor", self._kill_supervisor),
        ]
        match self._database:
            case Mongod() as mongod:
                victims.append(("mongod", lambda: self._kill_mongod(mongod)))
            case ReplicaSet() as replica_set:
                victims.append(("primary", replica_set.kill_the_primary))
        self._random.shuffle(victims)
        return victims

    def _kill_child(self, module: str) -> None:
        (pid, *_) = eventually(lambda: self._gemtap.processes(module) or None)
        os.kill(pid, signal.SIGKILL)

    def _kill_supervisor(self) -> None:
        self._gemtap.process.kill()
        self._gemtap.process.wait()
        # Its children see that they are alone, and end what they are at.
        for port in (self._gemtap.port, self._gemtap.dashboard_port):
            eventually(lambda port=port: is_free(port) or None)  # type: ignore[misc]
        self._gemtap.start()

    def _kill_mongod(self, mongod: Mongod) -> None:
        mongod.kill()
        time.sleep(self._random.uniform(0, _LONGEST_WAIT))
        mongod.start()
