"""A long conversation with complete bodies: 200 turns, each with all earlier messages, up to 700,000 tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bson import ObjectId

from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Record
from tests.records import make_record

TURNS: Final = 200
TOKENS: Final = 700_000

_SEED: Final = 20260314
_BYTES_A_TOKEN: Final = 4
_ANSWER_WORDS: Final = 60
_WORDS: Final = ("the", "picker", "shows", "yesterday", "for", "users", "west", "of", "Greenwich", "tests", "slow")


def long_thread(begins: datetime) -> Iterator[Record]:
    """Its turns from first to last, 20 seconds apart."""
    rng = Random(_SEED)
    thread, parent = ObjectId(), None
    contents: list[dict[str, Any]] = []
    asked = TOKENS * _BYTES_A_TOKEN // TURNS - 500
    for turn in range(1, TURNS + 1):
        text = f"Turn {turn}. " + " ".join(rng.choices(_WORDS, k=asked // 5))
        contents.append({"role": "user", "parts": [{"text": text[:asked]}]})
        said = f"Answer {turn}. " + " ".join(rng.choices(_WORDS, k=_ANSWER_WORDS))
        answer = {"role": "model", "parts": [{"text": said}]}
        raw = json.dumps({"contents": contents, "systemInstruction": {"parts": [{"text": "Be brief."}]}}).encode()
        id_ = thread if turn == 1 else ObjectId()
        record = make_record(
            _id=id_,
            timestamp=begins + timedelta(seconds=20 * turn),
            recorded_at=begins + timedelta(seconds=20 * turn + 5),
            request_raw=raw,
            response_raw=json.dumps({"candidates": [{"content": answer, "finishReason": "STOP"}]}).encode(),
            thread={"id": thread, "turn": turn, "parent": parent, "new_messages": 1},
            preview={"prompt": text[:200], "answer": said[:200]},
            **_tokens(len(raw) // _BYTES_A_TOKEN, turn),
        )
        contents.append(answer)
        parent = id_
        yield Record(record.document, raw, record.response_raw, accumulated=False, text=text_of(record.document))


def _tokens(sent: int, turn: int) -> dict[str, Any]:
    parts = {"system": 5, "tools": 0, "media": 0, "results": 0, "new": sent // turn}
    cached = sent * (turn - 1) // turn
    return {
        "tokens": {
            "input": sent,
            "cached": cached,
            "output": 80,
            "reasoning": 0,
            "tool_use": None,
            "total": sent + 80,
        },
        "context": {**parts, "history": sent - sum(parts.values())},
        "cost": {"usd": (sent - cached) * 3e-7 + cached * 3e-8, "source": "bench"},
    }
