"""One storm, from beginning to end."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Literal

from gemtap.capture.backlog import Backlog
from gemtap.capture.spool import Spool
from gemtap.stores.opening import open_store
from tests.crash.storm.accounts import Accounts, settle
from tests.crash.storm.kills import Database, Killer
from tests.crash.storm.ledger import Ledger
from tests.crash.storm.traffic import Clients, Upstream
from tests.e2e.running_gemtap import RunningGemtap, eventually
from tests.mongod import Mongod
from tests.replica_set import ReplicaSet
from tests.spooled import under_way

Kind = Literal["sqlite", "mongodb", "replica-set"]

KINDS: Final[tuple[Kind, ...]] = ("sqlite", "mongodb", "replica-set")

_WORKS_OFF_WITHIN: Final = 60.0
"""Seconds that the recorder gets for what waits in the spool afterwards."""

_CALM: Final = 2.0
"""Seconds of traffic before the first kill and after the last."""


async def storm(folder: Path, kind: Kind, *, kills: int, rate: float, seed: int) -> tuple[Ledger, Accounts]:
    """Kill so often under so many exchanges a second; give what was seen, and how it compares with the store."""
    ledger = Ledger()
    with ExitStack() as stack:
        database, url = _database(folder, kind)
        if database is not None:
            database.start()
            stack.callback(database.stop)
        async with Upstream(ledger).serving() as upstream:
            flags = ("--store", url, "--shutdown-grace", "0.5")
            gemtap = await asyncio.to_thread(RunningGemtap, folder, upstream, *flags)
            try:
                await _traffic(gemtap, Killer(gemtap, database, ledger, seed), ledger, kills, rate, seed)
                spool = Spool(gemtap.data_dir / "spool")
                backlog = Backlog(spool)
                await asyncio.to_thread(eventually, lambda: _is_idle(spool, backlog), _WORKS_OFF_WITHIN)
            finally:
                await asyncio.to_thread(gemtap.close)
        store = open_store(url)
        await store.open()
        try:
            return ledger, await settle(ledger, store)
        finally:
            await store.close()


async def _traffic(gemtap: RunningGemtap, killer: Killer, ledger: Ledger, kills: int, rate: float, seed: int) -> None:
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Clients(ledger, gemtap.origin, seed).run(rate, enough))
        try:
            await asyncio.sleep(_CALM)
            await asyncio.to_thread(killer.kill, kills)
            await asyncio.sleep(_CALM)
        finally:
            enough.set()


def _is_idle(spool: Spool, backlog: Backlog) -> bool | None:
    """Whether nothing is under way in the tap or waits in the spool."""
    return not (backlog.look()[0] or under_way(spool.path)) or None


def _database(folder: Path, kind: Kind) -> tuple[Database, str]:
    match kind:
        case "sqlite":
            return None, f"sqlite:///{folder / 'gemtap.db'}"
        case "mongodb":
            mongod = Mongod(folder / "mongod")
            return mongod, f"{mongod.url}/storm"
        case "replica-set":
            replica_set = ReplicaSet(folder / "replica-set")
            return replica_set, replica_set.url("storm")
