"""Accuracy of threads: `python -m bench.threads`, half a minute."""

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
from bench.simulated_clients import Client, Message, Turn, user
from gemtap.capture.keeping import SpoolLimits
from gemtap.capture.spool import SUFFIX, Spool
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.drain import Recorder
from gemtap.stores.base import Filter
from gemtap.stores.opening import open_store
from tests.captures import make_capture

_RECORDED: Final = "recorded sessions of gemini-cli"

Judged = dict[str, Counter[str]]
"""Counts of right, wrong and missed turns, by what the client did."""


def simulated(conversations: int, turns: int, seed: int) -> Iterator[Turn]:
    """Conversations of many clients, eight at a time."""
    rng = Random(seed)
    waiting = [Client(Random(rng.random())).work(rng.randint(3, turns)) for _ in range(conversations)]
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
    spool = Spool(folder / "spool")
    spool.create()
    store = open_store(f"sqlite:///{folder / 'gemtap.db'}")
    await store.open()
    recorder = Recorder(spool, store, PROVIDERS, SpoolLimits(2**40, 0))
    ids: dict[int, ObjectId] = {}
    try:
        for number, turn in enumerate(turns, 1):
            ids[id(turn)] = _capture(turn, spool)
            if number % at_once == 0:
                await recorder.drain()
        await recorder.drain()
        judged: Judged = {}
        for turn in turns:
            (item,) = (await store.page(Filter(id=ids[id(turn)]), limit=1)).items
            parent = ids[id(turn.parent)] if turn.parent is not None else None
            judged.setdefault(turn.habit, Counter())[_verdict(item["thread"], parent)] += 1
    finally:
        await store.close()
    return judged


def _capture(turn: Turn, spool: Spool) -> ObjectId:
    id_ = ObjectId()
    answer: dict[str, Any] = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    if turn.answer is not None:
        finished = {} if turn.broke_off else {"finishReason": "STOP"}
        answer = {"candidates": [{"content": turn.answer, **finished}]}
    capture = make_capture(
        request=((100, json.dumps({"contents": turn.contents}).encode()),),
        response=((3_000, json.dumps(answer).encode()),),
        status=200 if turn.answer is not None else 503,
        outcome="client_disconnected" if turn.broke_off else "complete",
        received=time.time(),
    )
    (spool.ready / f"{id_}{SUFFIX}").write_bytes(capture)
    return id_


def _verdict(thread: dict[str, Any] | None, parent: ObjectId | None) -> str:
    found = thread["parent"] if thread is not None else None
    if found == parent:
        return "right"
    return "missed" if found is None else "wrong"


def report(judged: Judged) -> str:
    """The results as Markdown, with one row per change of context, the most frequent first."""
    verdicts = ("right", "wrong", "missed")
    rows = sorted(judged.items(), key=lambda row: -row[1].total())
    whole = sum(judged.values(), Counter())
    lines = [[name, *(f"{counts[verdict]:,}" for verdict in verdicts)] for name, counts in [*rows, ("all", whole)]]
    return table(["what the client does", *verdicts], lines)


def main() -> None:
    """Compare, print and update the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.threads", description=__doc__)
    parser.add_argument("--conversations", type=int, default=400)
    parser.add_argument("--turns", type=int, default=30, help="what clients do in a conversation, at most")
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
    text = "\n\n".join(texts)
    print(text)
    write_between_markers(options.page, text, part="bench-threads")


if __name__ == "__main__":
    main()
