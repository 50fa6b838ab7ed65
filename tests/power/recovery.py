"""Recovery from one power cut, and what is found then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bson import ObjectId

from gemtap.capture.backlog import Backlog
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import Spool
from gemtap.interaction import Interaction
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter, Store
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.tap.credentials import load_fingerprint_secret
from tests.crash.storm.accounts import session_received
from tests.crash.storm.ledger import Exchange
from tests.e2e.running_gemtap import eventually
from tests.power.disk import FileSystem, mounted
from tests.power.recording import Recording, start
from tests.power.stores import StoreKind, store_on
from tests.power.write_log import Cut
from tests.spooled import under_way

_LIMITS: Final = SpoolLimits(spool_max_bytes=2**40, disk_min_free_bytes=0)
_NOWHERE: Final = "http://127.0.0.1:9"
_AT_ONCE: Final = 500
_COMPARED: Final = 4.0
"""Seconds before the cut in which exchanges that are compared byte by byte have arrived; `check` reads all of them."""


@dataclass
class Found:
    """What was there after one cut."""

    cut: Cut
    acknowledged: int = 0
    """Interactions that the dashboard had shown before the cut."""
    from_spool: int = 0
    """Interactions that were recorded from captures after it."""
    faults: list[str] = field(default_factory=list)
    """What no power cut may do, in words."""
    lost: dict[int, float] = field(default_factory=dict)
    """Exchanges of which something is missing, by number: seconds before the cut when a client had the first of it."""


@dataclass(frozen=True)
class Recovery:
    """How one recording is recovered from."""

    recording: Recording
    file_system: FileSystem
    store: StoreKind

    def run(self, image: Path, mount_point: Path, cut: Cut, *, with_processes: bool) -> Found:
        """Mount the image, do what a start of Gemtap does, or start it (`with_processes`), and compare."""
        found = Found(cut)
        data_dir = mount_point / "data"
        with mounted(image, mount_point, self.file_system), store_on(mount_point, self.store) as url:
            asyncio.run(_look_before(url, self.recording, found))
            if with_processes:
                _recover_with_processes(mount_point, url)
            asyncio.run(_look_after(data_dir, url, self.recording, found))
        return found


async def _look_before(url: str, recording: Recording, found: Found) -> None:
    """Every commit that anybody has seen has to be there before the spool helps."""
    seen = {id_ for id_, at in recording.acknowledged.items() if at <= found.cut.not_before}
    found.acknowledged = len(seen)
    store = open_store(url)
    await store.open()
    try:
        kept = await _ids(store)
    finally:
        await store.close()
    found.from_spool = -len(kept)
    found.faults += [f"the commit of {id_} was acknowledged and is lost" for id_ in sorted(seen - kept)]


def _recover_with_processes(folder: Path, url: str) -> None:
    gemtap = start(folder, url, _NOWHERE, "second")
    spool = Spool(gemtap.data_dir / "spool")
    backlog = Backlog(spool)
    try:
        eventually(lambda: not (backlog.look()[0] or under_way(spool.path)) or None)
    finally:
        backlog.close()
        gemtap.close()


async def _look_after(data_dir: Path, url: str, recording: Recording, found: Found) -> None:
    load_fingerprint_secret(data_dir / "fingerprint.key")
    spool = Spool(data_dir / "spool")
    spool.create()
    store = open_store(url)
    try:
        if not await Recorder(spool, store, PROVIDERS, _LIMITS).drain_if_alone():
            found.faults.append("the spool is still locked")
        found.faults += [f"{each.id or 'the store'}: {each.what}" async for each in store.maintenance.check()]
        await _compare(store, recording, found)
    finally:
        await store.close()


async def _compare(store: Store, recording: Recording, found: Found) -> None:
    cut_at = found.cut.not_before
    kept = await _ids(store)
    found.from_spool += len(kept)
    for exchange in recording.ledger.exchanges:
        marks = [(at, size) for at, size in exchange.arrivals if at <= cut_at]
        if not marks or exchange.id is None:
            continue
        if exchange.id not in kept:
            found.lost[exchange.number] = cut_at - marks[0][0]
        elif marks[-1][0] >= cut_at - _COMPARED:
            document = await store.get(ObjectId(exchange.id))
            assert document is not None
            answer = await _answer(store, exchange, document)
            found.faults += [
                f"exchange {exchange.number}: {what}" async for what in _foreign(store, exchange, document)
            ]
            # The first of what the client had, and what is missing now, is as old as what was lost.
            first = next((at for at, size in marks if size > len(answer)), None)
            if first is not None:
                found.lost[exchange.number] = cut_at - first


async def _ids(store: Store) -> set[str]:
    """Those of all interactions."""
    page = await page_of(store, Filter(), limit=_AT_ONCE)
    ids = {str(item["_id"]) for item in page.items}
    while page.next is not None:
        page = await page_of(store, Filter(), limit=_AT_ONCE, cursor=page.next)
        ids |= {str(item["_id"]) for item in page.items}
    return ids


async def _foreign(store: Store, exchange: Exchange, document: Interaction) -> AsyncIterator[str]:
    """What the document has and the exchange had not."""
    answer = await _answer(store, exchange, document)
    if not exchange.received.startswith(answer):
        yield f"its client never got {_difference(answer, exchange.received)}"
    # What a session's client sends is told by its answers, which have it in them.
    request = b"" if exchange.kind == "session" else await store.raw(document["_id"], "request") or b""
    if not exchange.sent.startswith(request):
        yield f"its client never sent {_difference(request, exchange.sent)}"


def _difference(kept: bytes, real: bytes) -> str:
    at = next((n for n, (one, other) in enumerate(zip(kept, real, strict=False)) if one != other), len(real))
    return f"{kept[at : at + 40]!r} at byte {at:,} of {len(real):,}"


async def _answer(store: Store, exchange: Exchange, document: Interaction) -> bytes:
    if exchange.kind == "session":
        return session_received(document)
    return await store.raw(document["_id"], "response") or b""
