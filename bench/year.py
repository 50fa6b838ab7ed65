"""Generates the documents of a year of agent traffic. Equal counts give equal documents on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import SCHEMA_VERSION, Interaction

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAYS: Final = 365

_SEED: Final = 20250101

_CLIENTS: Final = {"cline": 30, "roo-code": 20, "gemini-cli": 30, "aider": 10, "continue": 7, "python-requests": 3}
_MODELS: Final = {
    "gemini-2.5-pro": 45,
    "gemini-2.5-flash": 35,
    "gemini-2.5-flash-lite": 10,
    "gemini-2.0-flash": 6,
    "gemini-3-pro-preview": 4,
}
_KEYS: Final = {"8f2a11c0d3e4": 50, "77ab01c2ff09": 30, "0cd4e5a6b7c8": 15, None: 5}
_HOURS: Final = [0.2] * 7 + [1, 3, 6, 8, 7, 4, 6, 8, 8, 7, 5, 3, 2, 2, 1.5, 1, 0.5]
"""Share of each hour (UTC) in a working day."""

_ENDINGS: Final[dict[tuple[str, int | None, str | None], float]] = {
    ("complete", 200, "STOP"): 940,
    ("complete", 200, "MAX_TOKENS"): 12,
    ("complete", 200, "SAFETY"): 3,
    ("complete", 429, None): 20,
    ("complete", 503, None): 8,
    ("complete", 400, None): 4,
    ("client_disconnected", 200, None): 10,
    ("upstream_timeout", None, None): 2,
    ("interrupted", None, None): 1,
}
"""Outcome, status and finish reason, with frequencies per thousand."""

_MEDIAN_TURNS: Final = 14
_PHRASES: Final = ["read the file", "tell me why", "this test fails", "when it runs", "after the other", "in parallel"]


@dataclass
class _Session:
    """One conversation of an agent."""

    thread: ObjectId
    at: datetime
    turns: int
    client: str
    model: str
    key: str | None


def interactions(count: int, *, body_bytes: int = 0) -> Iterator[Interaction]:
    """About `count` interactions over a year, in order of days. `body_bytes` is the size of each request's body."""
    chance = random.Random(_SEED)
    weights = [
        (1.0 if (BEGIN + timedelta(days=day)).weekday() < 5 else 0.25) * chance.uniform(0.5, 1.5) for day in range(DAYS)
    ]
    per_weight = count / sum(weights)
    for day, weight in enumerate(weights):
        of_day: list[Interaction] = []
        wanted = round(weight * per_weight)
        while len(of_day) < wanted:
            session = _session(chance, BEGIN + timedelta(days=day))
            of_day += _turns(chance, session, min(session.turns, wanted - len(of_day)), body_bytes)
        of_day.sort(key=lambda each: each["timestamp"])
        yield from of_day


def _session(chance: random.Random, day: datetime) -> _Session:
    hour = _one_of(chance, dict(enumerate(_HOURS)))
    at = day + timedelta(hours=hour, seconds=chance.randrange(3600))
    return _Session(
        thread=_id(chance, at),
        at=at,
        turns=max(1, min(200, round(chance.lognormvariate(0, 1.0) * _MEDIAN_TURNS))),
        client=_one_of(chance, _CLIENTS),
        model=_one_of(chance, _MODELS),
        key=_one_of(chance, _KEYS),
    )


def _turns(chance: random.Random, session: _Session, turns: int, body_bytes: int) -> Iterator[Interaction]:
    at, parent, context = session.at, None, chance.randrange(8_000, 20_000)
    midnight = session.at.replace(hour=23, minute=59, second=59, microsecond=0)
    for turn in range(1, turns + 1):
        # The id of a thread is that of its first turn.
        id_ = session.thread if parent is None else _id(chance, at)
        fresh = chance.randrange(20, 3_000)
        yield _interaction(chance, session, id_, at, turn, parent, context, fresh, body_bytes)
        context += fresh + 400
        parent = id_
        at = min(midnight, at + timedelta(milliseconds=round(chance.lognormvariate(9.7, 0.8))))


def _interaction(
    chance: random.Random,
    session: _Session,
    id_: ObjectId,
    at: datetime,
    turn: int,
    parent: ObjectId | None,
    context: int,
    fresh: int,
    body_bytes: int,
) -> Interaction:
    outcome, status, finish = _one_of(chance, _ENDINGS)
    is_good = finish is not None
    output = round(chance.lognormvariate(5.5, 1.0)) if is_good else None
    total_input = context + fresh if is_good else None
    first_byte = round(chance.lognormvariate(6.9, 0.6), 3) if status else None
    duration = round((first_byte or 60_000) + (output or 0) * chance.uniform(4, 12), 3)
    said = " ".join(chance.choices(_PHRASES, k=6))
    prompt = said if not body_bytes else (said + " ") * max(1, body_bytes // (len(said) + 1))
    tokens: dict[str, int | None] = {
        "input": total_input,
        "cached": None if total_input is None else context // 2,
        "output": output,
        "reasoning": None if output is None else output // 3,
        "tool_use": None,
        "total": None if total_input is None or output is None else total_input + output + output // 3,
    }
    document: dict[str, Any] = {
        "_id": id_,
        "timestamp": at,
        "request": {
            "method": "POST",
            "path": f"/v1beta/models/{session.model}:streamGenerateContent",
            "query": "alt=sse",
            "http_version": "1.1",
            "headers": {
                "host": "localhost:4360",
                "user-agent": f"{session.client}/3.17.2",
                "content-type": "application/json",
                "accept": "*/*",
                "accept-encoding": "gzip, deflate, br",
                "x-goog-api-client": "google-genai-sdk/1.9.0 gl-node/v22.11.0",
                "x-goog-api-key": f"[redacted:{session.key}]",
            },
            "body": {"contents": [{"role": "user", "parts": [{"text": prompt}]}]} if body_bytes else None,
            "body_bytes": context * 4,
        },
        "response": None
        if status is None
        else {
            "status": status,
            "headers": {
                "content-type": "text/event-stream",
                "date": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
                "server": "scaffolding on HTTPServer2",
                "x-xss-protection": "0",
                "server-timing": f"gfet4t7; dur={round(duration)}",
            },
            "body": {"candidates": [{"content": {"role": "model", "parts": [{"text": said[::-1]}]}}]}
            if body_bytes
            else None,
            "body_bytes": (output or 40) * 6,
        },
        "request_duration_ms": duration,
        "generation_settings": {"temperature": 0, "maxOutputTokens": 8192},
        "usage_metadata": {"promptTokenCount": total_input, "totalTokenCount": tokens["total"]} if is_good else None,
        "error": None if is_good else {"message": f"HTTP status {status}" if status else outcome, "details": None},
        "schema_version": SCHEMA_VERSION,
        "provider": "gemini",
        "operation": "streamGenerateContent" if chance.random() < 0.9 else "generateContent",
        "model": session.model,
        "model_version": session.model if is_good else None,
        "streaming": True,
        "outcome": outcome,
        "timing": {
            "first_byte_ms": first_byte,
            "first_token_ms": first_byte,
            "chunks": 12,
            "longest_gap_ms": 310.5,
            "output_tokens_per_s": 140.2,
        },
        "tokens": tokens,
        "context": _context(total_input),
        "cost": {"usd": total_input * 1.25e-6 + (output or 0) * 1e-5, "source": "bench"} if total_input else None,
        "finish_reason": finish,
        "client": {
            "name": session.client,
            "version": "3.17.2",
            "user_agent": f"{session.client}/3.17.2",
            "address": "127.0.0.1",
            "key": session.key,
            "user": None,
        },
        "thread": {"id": session.thread, "turn": turn, "parent": parent, "new_messages": 2 if turn > 1 else 1},
        "preview": {"prompt": said, "answer": said[::-1] if is_good else None},
        "tags": [],
        "rating": None,
        "note": None,
        "recorded_at": at + timedelta(milliseconds=round(duration) + 50),
    }
    return document  # type: ignore[return-value]  # every field is set


def _context(tokens: int | None) -> dict[str, int] | None:
    if tokens is None:
        return None
    parts = {"system": tokens // 8, "tools": tokens // 6, "media": 0, "results": tokens // 3, "history": tokens // 4}
    return {**parts, "new": tokens - sum(parts.values())}


def _id(chance: random.Random, at: datetime) -> ObjectId:
    return ObjectId(int(at.timestamp()).to_bytes(4, "big") + chance.randbytes(8))


def _one_of(chance: random.Random, weights: Mapping[Any, float]) -> Any:
    return chance.choices(list(weights), list(weights.values()))[0]
