"""What Anthropic bills for a message, reckoned from its bytes and the published prices alone.

Nothing of Gemtap is imported here: this is what Gemtap is compared with. Prices are from
https://platform.claude.com/docs/en/about-claude/pricing, in US dollars for a million tokens, as of November 2026.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, Final

LONG: Final = 200_000

PRICES: Final = {
    # input, output; and the same for prompts over 200,000 tokens
    "claude-haiku-4-5": ("1", "5", None),
    "claude-sonnet-4-5": ("3", "15", ("6", "22.5")),
    "claude-sonnet-4-6": ("3", "15", None),
    "claude-opus-4-6": ("5", "25", None),
    "claude-opus-4-8": ("5", "25", None),
    "claude-unpriced": None,
}
FAST: Final = {"claude-opus-4-6": 6, "claude-opus-4-8": 2}
SURCHARGED: Final = {"claude-sonnet-4-6", "claude-opus-4-6", "claude-opus-4-8"}


@dataclass(frozen=True)
class Billed:
    """The counts of an exchange, its cost, and what caches saved; None where that is not known."""

    tokens: dict[str, int | None]
    usd: float | None
    saved: float | None


def bill(response: bytes) -> Billed:
    """The bill of a message, streamed or not."""
    model = ""
    usage: dict[str, Any] = {}
    text = response.decode()
    events = (
        [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
        if text.startswith("event:")
        else [json.loads(text)]
    )
    for event in events:
        told = event.get("message", event)
        model = told.get("model", model)
        usage |= {name: value for name, value in told.get("usage", {}).items() if value is not None}
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    thought = usage.get("output_tokens_details", {}).get("thinking_tokens")
    given = usage["input_tokens"] + (read or 0) + (written or 0)
    tokens = {
        "input": given,
        "cached": read,
        "cache_write": written,
        "output": usage["output_tokens"] - (thought or 0),
        "reasoning": thought,
        "tool_use": None,
        "total": given + usage["output_tokens"],
    }
    prices = PRICES[model]
    if prices is None or usage.get("service_tier") == "priority":
        return Billed(tokens, None, None)
    each_in, each_out = map(Fraction, prices[2] if prices[2] is not None and given > LONG else prices[:2])
    times = Fraction(1)
    if usage.get("speed") == "fast":
        if model not in FAST:
            return Billed(tokens, None, None)
        times *= FAST[model]
    if usage.get("inference_geo") == "us" and model in SURCHARGED:
        times *= Fraction(11, 10)
    if usage.get("service_tier") == "batch":
        times *= Fraction(1, 2)
    hour = usage.get("cache_creation", {}).get("ephemeral_1h_input_tokens", 0)
    minutes = (written or 0) - hour
    fresh = each_in * usage["input_tokens"]
    caching = each_in * (Fraction(1, 10) * (read or 0) + Fraction(5, 4) * minutes + 2 * hour)
    searches = usage.get("server_tool_use", {}).get("web_search_requests", 0)
    usd = (fresh + caching + each_out * usage["output_tokens"]) * times / 1_000_000 + Fraction(searches, 100)
    saved = (each_in * ((read or 0) + (written or 0)) - caching) * times / 1_000_000
    return Billed(tokens, float(usd) or None, float(saved) if read or written else None)


def message(seed: int) -> bytes:
    """The response of this number, always the same."""
    rng = Random(seed)
    made = whole(rng)
    return json.dumps(made).encode() if rng.random() < 0.5 else streamed(made)


def whole(
    rng: Random, tier: str | None = None, reason: str = "end_turn", content: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """A message that has ended. `tier`: that of its service, else any."""

    def some(most: int) -> int:
        return rng.choice((0, rng.randint(1, 50), rng.randint(1, 5_000), rng.randint(1, most)))

    model = rng.choice(list(PRICES))
    usage: dict[str, Any] = {"input_tokens": some(300_000), "output_tokens": some(30_000)}
    if rng.random() < 0.7:
        minutes, hour = some(60_000), rng.choice((0, some(60_000)))
        usage |= {"cache_read_input_tokens": some(200_000), "cache_creation_input_tokens": minutes + hour}
        if hour or rng.random() < 0.8:  # without it, all are kept for five minutes
            usage["cache_creation"] = {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}
    if rng.random() < 0.3:
        usage["output_tokens_details"] = {"thinking_tokens": rng.randint(0, usage["output_tokens"])}
    if rng.random() < 0.3 or content is not None:
        usage["server_tool_use"] = {"web_search_requests": rng.randint(0, 5), "web_fetch_requests": 1}
    usage["service_tier"] = tier or rng.choice(("standard", "standard", "batch", "priority"))
    usage["inference_geo"] = rng.choice((None, "global", "us"))
    usage["speed"] = rng.choice((None, "standard", "fast")) if usage["service_tier"] == "standard" else None
    return {
        "id": f"msg_{rng.getrandbits(64):x}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content or [{"type": "text", "text": "So."}],
        "stop_reason": reason,
        "usage": usage,
    }


def streamed(made: dict[str, Any]) -> bytes:
    """The message as a stream: its first event has what is known before, the last but one what comes to light late."""
    usage, late = made["usage"], ("output_tokens", "output_tokens_details", "server_tool_use")
    early = {name: value for name, value in usage.items() if name not in late}
    begun: dict[str, Any] = {**made, "content": [], "stop_reason": None, "usage": {**early, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(made["content"]):
        first, deltas = _pieces(block)
        events.append({"type": "content_block_start", "index": index, "content_block": first})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {name: usage[name] for name in late if name in usage}
    events.append({"type": "message_delta", "delta": {"stop_reason": made["stop_reason"]}, "usage": end})
    events.append({"type": "message_stop"})
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins in a stream, and what comes after."""
    if block["type"] == "text":
        half = len(block["text"]) // 2
        return {**block, "text": ""}, [
            {"type": "text_delta", "text": text} for text in (block["text"][:half], block["text"][half:])
        ]
    if block["type"] == "server_tool_use":
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return block, []
