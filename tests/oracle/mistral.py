"""What Mistral bills for an answer, reckoned from its bytes and the published prices alone.

Nothing of Gemtap is imported here: this is what Gemtap is compared with. Prices are from
https://docs.mistral.ai/inference/pricing, in US dollars for a million tokens, as of November 2026.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, Final

PRICES: Final = {
    # input, cached input, output
    "mistral-large-2512": ("0.5", "0.05", "1.5"),
    "mistral-medium-2508": ("0.4", "0.04", "2"),
    "mistral-medium-2604": ("1.5", "0.15", "7.5"),
    "codestral-2508": ("0.3", "0.03", "0.9"),
}


@dataclass(frozen=True)
class Answer:
    """An answer in both forms, and its bill."""

    body: bytes
    stream: bytes
    tokens: dict[str, int | None]
    usd: float
    calls_connectors: bool = False
    """Whether it called a tool of Mistral's, which is billed by the call."""


def chat(rng: Random, model: str, text: str) -> Answer:
    """An answer of chat completions."""
    read, written = rng.randint(1, 90_000), rng.randint(1, 9_000)
    cached = rng.choice((None, 0, rng.randint(0, read)))
    usage: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        **({} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}),
    }
    named = {"id": f"{rng.getrandbits(64):x}", "model": model, "created": 1}
    message = {"role": "assistant", "content": text, "tool_calls": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    deltas = [{"role": "assistant", "content": ""}, {"content": text[:9]}, {"content": text[9:]}]
    chunks: list[dict[str, Any]] = [
        {**named, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    chunks[-1]["usage"] = usage
    return Answer(
        json.dumps({**named, "object": "chat.completion", "choices": [choice], "usage": usage}).encode(),
        b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n",
        {"input": read, "cached": cached, "output": written, "total": read + written},
        _dollars(model, read, cached or 0, written),
    )


def conversation(rng: Random, model: str, held_in: str) -> Answer:
    """An answer in a conversation, perhaps after searches, whose pages are in the prompt and counted apart."""
    read, written = rng.randint(1, 90_000), rng.randint(1, 9_000)
    searches = rng.choice((0, 0, 1, 3))
    found = searches and rng.randint(1, 9_000)
    usage: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written + found,
        **({"connector_tokens": found, "connectors": {"web_search": searches}} if searches else {}),
    }
    entries: list[dict[str, Any]] = [
        {"type": "tool.execution", "id": f"tool_{number}", "name": "web_search", "arguments": "{}"}
        for number in range(searches)
    ]
    entries.append({"type": "message.output", "id": "msg_1", "role": "assistant", "content": "So.", "model": model})
    events: list[dict[str, Any]] = [{"type": "conversation.response.started", "conversation_id": held_in}]
    for index, entry in enumerate(entries):
        kind, place = entry["type"], {"output_index": index}
        if kind == "message.output":
            events += [{**entry, **place, "type": f"{kind}.delta", "content": piece} for piece in ("S", "o.")]
        else:
            events += [{**entry, **place, "type": f"{kind}.{stage}"} for stage in ("started", "done")]
    events.append({"type": "conversation.response.done", "usage": usage})
    whole = {"object": "conversation.response", "conversation_id": held_in, "outputs": entries, "usage": usage}
    return Answer(
        json.dumps(whole).encode(),
        b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events),
        {"input": read, "output": written, "tool_use": found or None, "total": read + written + found},
        _dollars(model, read + found, 0, written),
        calls_connectors=bool(searches),
    )


def _dollars(model: str, read: int, cached: int, written: int) -> float:
    fresh_price, cached_price, written_price = map(Fraction, PRICES[model])
    return float((fresh_price * (read - cached) + cached_price * cached + written_price * written) / 1_000_000)
