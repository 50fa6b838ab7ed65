"""Accuracy of threads: `python -m bench.threads`, a few minutes."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from bson import ObjectId

from bench.page import table, write_between_markers
from bench.simulated_clients import Client, Message, Noting, Reminding, Turn, user
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import SUFFIX, Spool
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.recorder import Recorder
from gemtap.stores.base import Filter, Store
from gemtap.stores.opening import open_store
from tests.captures import make_capture
from tests.mongod import Mongod

_RECORDED: Final = "recorded sessions of gemini-cli"

_VERDICTS: Final = ("right", "wrong", "missed")

_LONG_AGO: Final = 1_760_000_000.0
_BETWEEN_TURNS: Final = 2.0
"""Seconds."""

Judged = dict[str, Counter[str]]
"""Counts of right, wrong and missed turns, by what the client did."""


def simulated(conversations: int, turns: int, seed: int) -> Iterator[Turn]:
    """Conversations of many clients, eight at a time."""
    rng = Random(seed)
    kinds = [Reminding, Noting, *[Client] * 14]
    waiting = [
        kinds[number % len(kinds)](Random(rng.random())).work(rng.randint(3, turns)) for number in range(conversations)
    ]
    at_work: list[Iterator[Turn]] = []
    while waiting or at_work:
        while waiting and len(at_work) < 8:
            at_work.append(waiting.pop())
        chosen = rng.choice(at_work)
        turn = next(chosen, None)
        if turn is None:
            at_work.remove(chosen)
        else:
            yield turn


def recorded(path: Path) -> Iterator[Turn]:
    """Turns rebuilt from the recorded responses of gemini-cli."""
    for session in json.loads(path.read_text()):
        contents: list[Message] = [user(f"Task of {session['name']}")]
        last: Turn | None = None
        for number, each in enumerate(session["calls"]):
            if each["method"] != "generateContentStream":
                continue
            candidates = [c for chunk in each["response"] for c in chunk.get("candidates", [])]
            parts = [part for c in candidates for part in c.get("content", {}).get("parts", [])]
            last = Turn(_RECORDED, list(contents), {"role": "model", "parts": parts}, parent=last)
            yield last
            calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
            results = [{"functionResponse": {"name": n, "response": {"output": f"result {number}"}}} for n in calls]
            contents.append({"role": "model", "parts": [part for part in parts if not part.get("thought")]})
            contents.append({"role": "user", "parts": results} if results else user("Go on, please."))


async def judge(turns: Sequence[Turn], folder: Path, *, at_once: int) -> Judged:
    """Record the turns, in batches of `at_once` captures, and compare the resulting threads."""
    spool = _spool(folder)
    store = open_store(f"sqlite:///{folder / 'gemtap.db'}")
    await store.open()
    recorder = Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0))
    ids: dict[int, ObjectId] = {}
    try:
        for number, turn in enumerate(turns, 1):
            ids[id(turn)] = _capture(turn, spool, time.time())
            if number % at_once == 0:
                await recorder.drain()
        await recorder.drain()
        return await _judged(turns, ids, store)
    finally:
        await store.close()


async def judge_wandering(turns: Sequence[Turn], folder: Path, url: str, seed: int) -> tuple[Judged, int]:
    """Record turns that went through three taps, each of which works off its backlog. Also returns the threads.

    Each recorder has a store of its own, as a process has.
    """
    rng = Random(seed)
    spools = [_spool(folder / name) for name in ("one", "two", "three")]
    ids = {
        id(turn): _capture(turn, rng.choice(spools), _LONG_AGO + number * _BETWEEN_TURNS)
        for number, turn in enumerate(turns)
    }
    stores = [open_store(url) for _ in spools]
    try:
        for store in stores:
            await store.open()
        recorders = [
            Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0))
            for spool, store in zip(spools, stores, strict=True)
        ]
        await asyncio.gather(*(recorder.drain() for recorder in recorders))
        threads = await stores[0].statistics(Filter(), by="thread")
        return await _judged(turns, ids, stores[0]), len(threads)
    finally:
        for store in stores:
            await store.close()


async def _judged(turns: Sequence[Turn], ids: dict[int, ObjectId], store: Store) -> Judged:
    judged: Judged = {}
    for turn in turns:
        (item,) = await store.list(Filter(id=ids[id(turn)]), limit=1)
        parent = ids[id(turn.parent)] if turn.parent is not None else None
        judged.setdefault(turn.habit, Counter())[_verdict(item["thread"], parent)] += 1
    return judged


def _spool(folder: Path) -> Spool:
    spool = Spool(folder / "spool")
    spool.create()
    return spool


def _capture(turn: Turn, spool: Spool, received: float) -> ObjectId:
    id_ = ObjectId()
    (spool.ready / f"{id_}{SUFFIX}").write_bytes(capture_of(turn, received))
    return id_


def capture_of(turn: Turn, received: float) -> bytes:
    """The capture of a turn whose request was received at this moment, in seconds since 1970."""
    answer: dict[str, Any] = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    if turn.answer is not None:
        finished = {} if turn.broke_off else {"finishReason": "STOP"}
        answer = {"candidates": [{"content": turn.answer, **finished}]}
    return make_capture(
        request=((100, json.dumps({"contents": turn.contents}).encode()),),
        response=((3_000, json.dumps(answer).encode()),),
        status=200 if turn.answer is not None else 503,
        outcome="client_disconnected" if turn.broke_off else "complete",
        received=received,
    )


def _verdict(thread: dict[str, Any] | None, parent: ObjectId | None) -> str:
    found = thread["parent"] if thread is not None else None
    if found == parent:
        return "right"
    return "missed" if found is None else "wrong"


def report(judged: Judged) -> str:
    """The results as Markdown, with one row per change of context, the most frequent first."""
    rows = sorted(judged.items(), key=lambda row: -row[1].total())
    whole = sum(judged.values(), Counter())
    lines = [[name, *(f"{counts[verdict]:,}" for verdict in _VERDICTS)] for name, counts in [*rows, ("all", whole)]]
    return table(["what the client does", *_VERDICTS], lines)


def _wandering(turns: Sequence[Turn], seed: int) -> str:
    """As Markdown: a row for each store."""
    begun = sum(turn.parent is None for turn in turns)
    rows = []
    for name in ("SQLite", "MongoDB"):
        with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
            server = Mongod(Path(folder) / "mongod") if name == "MongoDB" else None
            try:
                if server is not None:
                    server.start()
                url = f"sqlite:///{folder}/gemtap.db" if server is None else f"{server.url}/gemtap"
                began_at = time.monotonic()
                judged, threads = asyncio.run(judge_wandering(turns, Path(folder), url, seed))
                took = time.monotonic() - began_at
            finally:
                if server is not None:
                    server.stop()
        whole = sum(judged.values(), Counter())
        counts = [f"{whole[verdict]:,}" for verdict in _VERDICTS]
        rows.append([name, *counts, f"{threads:,}"])
        print(f"{name}: {took:.0f} s", file=sys.stderr)
    return (
        f"{len(turns):,} turns of {begun:,} conversations, each through one of three taps, and recorded by three "
        "recorders at once that work off a backlog each:\n\n" + table(["store", *_VERDICTS, "threads"], rows)
    )


def main() -> None:
    """Compare, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.threads", description=__doc__)
    parser.add_argument("--conversations", type=int, default=400)
    parser.add_argument("--turns", type=int, default=30, help="what clients do in a conversation, at most")
    parser.add_argument("--wandering", type=int, default=30, help="conversations that wander between three recorders")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, default=Path("docs/threads.md"), help="the page with the table")
    options = parser.parse_args()
    turns = list(simulated(options.conversations, options.turns, options.seed))
    recordings = os.environ.get("GEMTAP_TEST_RECORDINGS")
    if recordings is not None:
        turns += recorded(Path(recordings) / "gemini-cli-streams.json")
    else:
        print("Without recorded sessions: GEMTAP_TEST_RECORDINGS names no folder of recordings.", file=sys.stderr)
    texts = []
    for title, at_once in (("recorded as they come", 1), ("recorded as a backlog of all", len(turns))):
        with tempfile.TemporaryDirectory(prefix="gemtap-bench-") as folder:
            judged = asyncio.run(judge(turns, Path(folder), at_once=at_once))
        texts.append(f"{len(turns):,} turns, {title}:\n\n{report(judged)}")
    wandering = list(simulated(options.wandering, options.turns, options.seed))
    texts.append(_wandering(wandering, options.seed))
    text = "\n\n".join(texts)
    print(text)
    write_between_markers(options.page, text, part="bench-threads")


if __name__ == "__main__":
    main()
