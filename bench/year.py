"""A year of an agent's interactions, as documents: for what reads them. Their bodies are short but for one long thread.

The same seed gives the same year. One conversation has 200 turns and grows to about 700,000 tokens, with whole bodies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from bson import ObjectId

from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Record, Store
from tests.records import make_record

SEED: Final = 20260314
TURNS: Final = 200
TOKENS: Final = 700_000

_AT_ONCE: Final = 500
_MODELS: Final = (
    *("gemini-2.5-flash",) * 6,
    *("gemini-2.5-pro",) * 3,
    *("gemini-3-pro-preview",) * 2,
    *("gemini-2.5-flash-lite", "gemini-embedding-001", "gpt-5", "gpt-5-mini", "o4-mini", "gemini-2.0-flash"),
)
_CLIENTS: Final = ("Cline", "gemini-cli", "Roo Code", "Continue", "aider", None)
_WORDS: Final = (
    *("the", "date", "picker", "shows", "yesterday", "for", "users", "west", "of", "Greenwich", "fix", "it", "run"),
    *("tests", "why", "is", "import", "slow"),
)
_BYTES_A_TOKEN: Final = 4


async def fill(store: Store, days: int, a_day: int, now: datetime) -> str:
    """Store so many days until now, with so many interactions on a working day; give the id of the last long turn."""
    batch: list[Record] = []
    for record in _short_ones(days, a_day, now):
        batch.append(record)
        if len(batch) == _AT_ONCE:
            await store.put(batch)
            batch = []
    await store.put(batch)
    last = ""
    for record in long_thread(now - timedelta(hours=3)):
        await store.put([record])
        last = str(record.document["_id"])
    return last


def _short_ones(days: int, a_day: int, now: datetime) -> Iterator[Record]:
    rng = Random(SEED)
    base = make_record().document
    for day in range(days, -1, -1):
        date = now - timedelta(days=day)
        requests = round(a_day * (0.15 if date.weekday() > 4 else 1) * rng.uniform(0.6, 1.4))
        thread, turn, size, parent = ObjectId(), 0, 0, None
        model, client = rng.choice(_MODELS), rng.choice(_CLIENTS)
        for number in range(requests):
            if turn == 0 or rng.random() < 0.04:
                thread, turn, parent = ObjectId(), 0, None
                model, client, size = rng.choice(_MODELS), rng.choice(_CLIENTS), rng.randint(2_000, 30_000)
            turn, size = turn + 1, size + rng.randint(300, 6_000)
            id_ = thread if turn == 1 else ObjectId()
            cached = round(size * rng.uniform(0.5, 0.97)) if turn > 1 and rng.random() < 0.85 else 0
            output, reasoning, took = rng.randint(20, 1_800), rng.randint(0, 2_500), rng.lognormvariate(8.5, 0.8)
            at = date - timedelta(seconds=36_000 * (1 - number / requests))
            said = " ".join(rng.choices(_WORDS, k=12))
            record = make_record(
                _id=id_,
                timestamp=_whole(at),
                recorded_at=_whole(at + timedelta(seconds=took / 1000)),
                request_raw=json.dumps({"contents": [{"role": "user", "parts": [{"text": said}]}]}).encode(),
                model=model,
                client={**base["client"], "name": client, "key": rng.choice(["8f2a11c0", "11aa22bb", "77cc33dd"])},
                thread={"id": thread, "turn": turn, "parent": parent, "new_messages": 1},
                error={"message": "Resource has been exhausted.", "details": None} if rng.random() < 0.03 else None,
                tokens=_tokens(size, cached, output, reasoning),
                context=_context(size),
                cost={"usd": (size - cached) * 3e-7 + cached * 3e-8 + (output + reasoning) * 2.5e-6, "source": "bench"},
                request_duration_ms=took,
                timing={**base["timing"], "first_byte_ms": took * rng.uniform(0.1, 0.6)},
                preview={"prompt": said, "answer": "Rayleigh."},
            )
            parent = id_
            yield _with_text(record)


def long_thread(begins: datetime) -> Iterator[Record]:
    """The conversation of many turns, each of which sends all before it."""
    rng = Random(SEED)
    thread, parent = ObjectId(), None
    contents: list[dict[str, Any]] = []
    said = TOKENS * _BYTES_A_TOKEN // TURNS - 400
    for turn in range(1, TURNS + 1):
        text = f"Turn {turn}. " + " ".join(rng.choices(_WORDS, k=said // 5))
        contents.append({"role": "user", "parts": [{"text": text[:said]}]})
        answer = {"role": "model", "parts": [{"text": f"Answer {turn}. " + " ".join(rng.choices(_WORDS, k=60))}]}
        raw = json.dumps({"contents": contents, "systemInstruction": {"parts": [{"text": "Be brief."}]}}).encode()
        id_ = thread if turn == 1 else ObjectId()
        tokens = len(raw) // _BYTES_A_TOKEN
        record = make_record(
            _id=id_,
            timestamp=_whole(begins + timedelta(seconds=20 * turn)),
            request_raw=raw,
            response_raw=json.dumps({"candidates": [{"content": answer, "finishReason": "STOP"}]}).encode(),
            thread={"id": thread, "turn": turn, "parent": parent, "new_messages": 1},
            tokens=_tokens(tokens, tokens * (turn - 1) // turn, 80, 0),
            context=_context(tokens),
            preview={"prompt": text[:200], "answer": f"Answer {turn}."},
        )
        contents.append(answer)
        parent = id_
        yield _with_text(record)


def _with_text(record: Record) -> Record:
    return Record(
        record.document, record.request_raw, record.response_raw, record.accumulated, text=text_of(record.document)
    )


def _tokens(size: int, cached: int, output: int, reasoning: int) -> dict[str, int | None]:
    total = size + output + reasoning
    return {"input": size, "cached": cached, "output": output, "reasoning": reasoning, "tool_use": None, "total": total}


def _context(size: int) -> dict[str, int]:
    parts = {"system": size // 20, "tools": size // 10, "media": 0, "results": size // 2, "new": size // 50}
    return {**parts, "history": size - sum(parts.values())}


def _whole(moment: datetime) -> datetime:
    """In milliseconds, as documents have it."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
