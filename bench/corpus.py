"""Interactions with real text for benchmarks of stores: the sources of Python's standard library, with a fixed seed."""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from bson import ObjectId

from gemtap.interaction import SCHEMA_VERSION, Interaction
from gemtap.recorder.searchable import text_of
from gemtap.stores.base import Record

NEWEST: Final = datetime(2026, 6, 30, 12, tzinfo=UTC)

PERIOD: Final = timedelta(days=365)

_MODELS: Final = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3-pro-preview")
_CLIENTS: Final = ("gemini-cli", "cline", "roo-code", "langchain")
_STATUSES: Final = {200: 97_900, 429: 2_000, 503: 90, 500: 10}
"""Status codes and their frequencies per 100,000."""


def sources() -> list[str]:
    """The source lines of the standard library's modules, in a machine-independent order."""
    paths = sorted(path for path in Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return [line for path in paths for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]


def small_interactions(count: int, *, seed: int = 1) -> Iterator[Record]:
    """Generate `count` interactions of a few hundred bytes each, oldest first, over the year before `NEWEST`."""
    rng = random.Random(seed)
    lines = sources()
    gap = PERIOD / count
    for number in range(count):
        at = NEWEST - PERIOD + (number + rng.random()) * gap
        yield _record(rng, lines, at.replace(microsecond=at.microsecond // 1000 * 1000))


def _record(rng: random.Random, lines: list[str], at: datetime) -> Record:
    start = rng.randrange(len(lines) - 20)
    asked, answered = lines[start], "\n".join(lines[start + 1 : start + 1 + rng.randint(2, 18)])
    (status,) = rng.choices(list(_STATUSES), list(_STATUSES.values()))
    request = {"contents": [{"role": "user", "parts": [{"text": asked}]}]}
    failed = {"error": {"code": status, "message": f"The model is overloaded ({status}).", "status": "UNAVAILABLE"}}
    candidate = {"content": {"role": "model", "parts": [{"text": answered}]}, "finishReason": "STOP"}
    response = {"candidates": [candidate]} if status == 200 else failed
    request_raw, response_raw = (json.dumps(body, separators=(",", ":")).encode() for body in (request, response))
    tokens = int(rng.expovariate(1 / 20_000))
    client, model, id_ = rng.choice(_CLIENTS), rng.choice(_MODELS), ObjectId()
    document = {
        "_id": id_,
        "timestamp": at,
        "request": {
            "method": "POST",
            "path": f"/v1beta/models/{model}:generateContent",
            "query": "",
            "http_version": "1.1",
            "headers": {"content-type": "application/json"},
            "body": request,
            "body_bytes": len(request_raw),
        },
        "response": {
            "status": status,
            "headers": {"content-type": "application/json"},
            "body": response,
            "body_bytes": len(response_raw),
        },
        "request_duration_ms": rng.expovariate(1 / 8_000),
        "generation_settings": None,
        "usage_metadata": {"totalTokenCount": tokens},
        "error": None if status == 200 else {"message": failed["error"]["message"], "details": failed["error"]},
        "schema_version": SCHEMA_VERSION,
        "provider": "gemini",
        "operation": "generateContent",
        "model": model,
        "model_version": model if status == 200 else None,
        "streaming": False,
        "outcome": "complete",
        "timing": {
            "first_byte_ms": rng.expovariate(1 / 1_000),
            "first_token_ms": None,
            "chunks": 1,
            "longest_gap_ms": None,
            "output_tokens_per_s": None,
        },
        "tokens": {
            "input": tokens,
            "cached": None,
            "output": tokens // 20,
            "reasoning": None,
            "tool_use": None,
            "total": tokens + tokens // 20,
        },
        "context": None,
        "cost": {"usd": tokens / 1e6, "source": "benchmark"},
        "finish_reason": "STOP" if status == 200 else None,
        "client": {
            "name": client,
            "version": "1.0",
            "user_agent": f"{client}/1.0",
            "address": "127.0.0.1",
            "key": rng.choice(("8f2a11c0d3e4", "0123456789ab")),
            "user": None,
        },
        "thread": {"id": id_, "turn": 1, "parent": None, "new_messages": 1},
        "preview": {"prompt": asked[:200], "answer": answered[:80]},
        "tags": [],
        "rating": None,
        "note": None,
        "recorded_at": at + timedelta(seconds=10),
    }
    known = cast(Interaction, document)
    return Record(known, request_raw, response_raw, accumulated=False, text=text_of(known))
