"""One run, from beginning to end."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, Literal

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import KeyList, add
from gemtap.capture.backlog import Backlog
from gemtap.capture.spool import Spool
from gemtap.interaction import Interaction, Outcome
from gemtap.limits.ledger import LedgerReader
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.limits import Limit, LimitList, Measure, parse_amount, parse_subject, put
from gemtap.limits.prices import Price
from gemtap.recorder.limit_prices import list_prices, write_list_prices
from gemtap.stores.base import Filter
from gemtap.stores.opening import open_store
from tests.crash.runaway.traffic import NUMBER, Clients, Served, Upstream
from tests.e2e.running_gemtap import RunningGemtap, eventually
from tests.mongod import Mongod
from tests.spooled import under_way

Kind = Literal["sqlite", "mongodb"]

KINDS: Final[tuple[Kind, ...]] = ("sqlite", "mongodb")

USERS: Final = tuple(f"user{number}" for number in range(10))

_SETTLED_AFTER: Final = 2.0
"""Seconds after a document's `recorded_at` within which its estimate is settled."""

_UNDISTURBED: Final = 1.5
"""Seconds of traffic before the first kill: a thousand connections take their time."""

_WORKS_OFF_WITHIN: Final = 90.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What became of one limit. Amounts are in its measure."""

    limit: Limit
    spent: int
    """What the upstream has served."""
    in_flight: int
    """The part of it that was under way, or not recorded yet, when the last request got through."""
    excess: int
    """By how much that part has used more than was estimated for it: so far may a budget be passed."""
    counted: int
    """What the ledger has in the end."""

    @property
    def holds(self) -> bool:
        """The promise of docs/limits.md. Requests are exact: none of them is estimated."""
        return self.spent <= self.limit.amount + self.excess


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has shown."""

    budgets: Sequence[Budget]
    answers: Counter[int | str]
    """How often clients saw each status; `broken` for a connection that broke."""
    kills: Counter[str]
    seconds: float


async def runaway(folder: Path, kind: Kind, *, requests: int, attempts: int, seed: int) -> Result:
    """So many requests at once, under limits that are all reached, and kills meanwhile."""
    began, upstream, kills = time.monotonic(), Upstream(seed), Counter[str]()
    data_dir, mongod = folder / "data", Mongod(folder / "mongod") if kind == "mongodb" else None
    url = f"sqlite:///{data_dir / 'gemtap.db'}" if mongod is None else f"{mongod.url}/runaway"
    if mongod is not None:
        mongod.start()
    try:
        async with upstream.serving() as origin:
            keys = {user: KeyFile(data_dir).change(partial(_adding, user)) for user in USERS}
            limits = _set_limits(data_dir, requests)
            gemtap = await asyncio.to_thread(RunningGemtap, folder, origin, "--workers", "2", "--store", url)
            try:
                clients = Clients(gemtap.origin, keys, requests, attempts, seed)
                async with asyncio.TaskGroup() as group:
                    group.create_task(clients.run())
                    group.create_task(asyncio.to_thread(_kill, gemtap, Random(seed), kills))
                await asyncio.to_thread(_wait_until_settled, data_dir)
                with LedgerReader(data_dir) as ledger:
                    counted = {limit.id: ledger.usage(limit).used for limit in limits}
            finally:
                await asyncio.to_thread(gemtap.close)
        documents = await _documents(url)
    finally:
        if mongod is not None:
            mongod.stop()
    price = list_prices(datetime.now(UTC), {})["gemini"]["gemini-2.5-flash"]
    budgets = [_budget(limit, upstream.served, documents, counted[limit.id], price) for limit in limits]
    return Result(budgets, clients.answers, kills, time.monotonic() - began)


def _adding(user: str, before: KeyList) -> tuple[KeyList, str]:
    return add(before, user, "member", None, datetime.now(UTC))


def _set_limits(data_dir: Path, requests: int) -> Sequence[Limit]:
    """By the month, so that no window ends during a run. A third to a half of the traffic reaches each of them."""
    wanted: list[tuple[str, Measure, str]] = [
        *((user, "cost", f"{requests * 40}usd/month") for user in USERS),  # in micro-dollars, see below
        ("all", "cost", f"{requests * 350}usd/month"),
        ("all", "tokens", f"{requests * 400}/month"),
        ("model:gemini-*", "requests", f"{requests * 45 // 100}/month"),
    ]

    def change(before: LimitList) -> tuple[LimitList, LimitList]:
        after = before
        for subject, measure, text in wanted:
            amount, span = parse_amount(measure, text)
            after = put(after, parse_subject(subject), measure, amount // 10**6 if measure == "cost" else amount, span)
        return after, after

    write_list_prices(data_dir, {})
    return LimitFile(data_dir).change(change).limits


def _kill(gemtap: RunningGemtap, random: Random, kills: Counter[str]) -> None:
    """kill -9 of proxy processes and of the desk, in random order, while the traffic runs."""
    victims = ["gemtap.tap.entry", "gemtap.tap.entry", "gemtap.desk", "gemtap.desk"]
    random.shuffle(victims)
    time.sleep(_UNDISTURBED)
    for module in victims:
        time.sleep(random.uniform(0.2, 1.2))
        pids = eventually(lambda module=module: gemtap.processes(module) or None)  # type: ignore[misc]
        os.kill(random.choice(pids), signal.SIGKILL)
        kills[module.split(".")[1]] += 1


def _wait_until_settled(data_dir: Path) -> None:
    """Until nothing is under way in a tap or waits in the spool, and the desk has counted it."""
    spool = Spool(data_dir / "spool")
    backlog = Backlog(spool)
    eventually(lambda: not (backlog.look()[0] or under_way(spool.path)) or None, _WORKS_OFF_WITHIN)
    time.sleep(_SETTLED_AFTER)


async def _documents(url: str) -> Mapping[str, Interaction]:
    """What was recorded of requests that limits let through, by the number of the request."""
    store = open_store(url)
    try:
        found = [each async for each in store.scan(Filter()) if "reserved" in each]
        return {str(each["request"]["headers"][NUMBER]): each for each in found}
    finally:
        await store.close()


def _budget(
    limit: Limit, served: Iterable[Served], documents: Mapping[str, Interaction], counted: int, price: Price
) -> Budget:
    of_limit = [each for each in served if limit.scope != "user" or each.user == limit.pattern]
    amounts = {each.number: _amount(limit, each, price) for each in of_limit}
    last = max((each.at for each in of_limit), default=0.0)
    flying = [each.number for each in of_limit if _is_flying(documents.get(each.number), last)]
    excess = sum(max(0, amounts[number] - _reserved(limit, documents.get(number))) for number in flying)
    in_flight = sum(amounts[number] for number in flying)
    return Budget(limit, sum(amounts.values()), in_flight, excess if limit.measure != "requests" else 0, counted)


def _is_flying(document: Interaction | None, at: float) -> bool:
    """Whether its estimate may have counted at this time: not settled yet, or never, since it was interrupted."""
    if document is None or document["outcome"] != Outcome.COMPLETE:
        return True
    return document["recorded_at"].timestamp() + _SETTLED_AFTER > at


def _amount(limit: Limit, served: Served, price: Price) -> int:
    match limit.measure:
        case "requests":
            return 1
        case "tokens":
            return served.tokens
        case _:
            return math.ceil(price.input * served.input + price.output * served.output)


def _reserved(limit: Limit, document: Interaction | None) -> int:
    """What was estimated for it; 0 if its capture was lost with its tap."""
    shares = document["reserved"] if document is not None else []
    return sum(each["amount"] for each in shares if each["limit"] == limit.id)
