"""What OpenAI bills for one exchange, reckoned from its bytes and the published prices alone.

Nothing of Gemtap is imported here: this is what Gemtap is compared with. Prices are in US dollars for a million tokens,
as of November 2026: input, cached input, output; for sound input and output; priority as a multiple.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, Final

MILLION: Final = 1_000_000
SEARCH: Final = Fraction(10, 1000)
FILE_SEARCH: Final = Fraction(25, 10_000)


@dataclass(frozen=True)
class Prices:
    """The prices of one model."""

    read: str
    cached: str | None
    written: str
    sound: tuple[str, str] | None = None
    halves_cached: bool = True
    """Whether cached input is half the price in batches. The page lists no price for some: theirs stays the same."""
    priority: str | None = None


PRICES: Final = {
    "gpt-5": Prices("1.25", "0.125", "10", priority="2"),
    "gpt-4.1": Prices("2", "0.5", "8", halves_cached=False, priority="1.75"),
    "gpt-4o": Prices("2.5", "1.25", "10", halves_cached=False, priority="1.7"),
    "gpt-audio": Prices("2.5", None, "10", sound=("32", "64")),
    "text-embedding-3-large": Prices("0.13", None, "0"),
}
CHATS: Final = ("gpt-5", "gpt-4.1", "gpt-4o", "gpt-audio")
RESPONDING: Final = CHATS[:3]
SERVED: Final = {"gpt-5": "gpt-5-2025-08-07", "gpt-4.1": "gpt-4.1-2025-04-14", "gpt-4o": "gpt-4o-2024-08-06"}
"""What a response calls the model that was asked for."""


@dataclass(frozen=True)
class Synthetic:
    """One exchange, and its bill: tokens by name, and US dollars or None."""

    path: str
    request: bytes
    response: bytes
    tokens: dict[str, int | None]
    usd: float | None


@dataclass(frozen=True)
class Answer:
    """An answer and its bill."""

    whole: dict[str, Any]
    tokens: dict[str, int | None]
    usd: float | None

    @property
    def body(self) -> bytes:
        """Without streaming."""
        return json.dumps(self.whole).encode()

    @property
    def stream(self) -> bytes:
        """The response as a stream of events."""
        begun = {**self.whole, "status": "in_progress", "output": [], "usage": None}
        return _framed(
            {"type": "response.created", "response": begun}, {"type": "response.completed", "response": self.whole}
        )


def synthetic(seed: int) -> Synthetic:
    """The exchange of this number, always the same."""
    rng = Random(seed)
    return rng.choice((_chat, _chat, _response, _embedding))(rng)


def _count(rng: Random, most: int = 90_000) -> int:
    return rng.choice((0, rng.randint(1, 50), rng.randint(1, most)))


def _chat(rng: Random) -> Synthetic:
    model, tier = rng.choice(CHATS), rng.choice((None, "default", "flex", "priority", "scale"))
    read, written = _count(rng), _count(rng, 20_000)
    cached = rng.randint(0, read) if PRICES[model].cached is not None else 0
    thoughts = rng.choice((None, rng.randint(0, written)))
    sound = (rng.randint(0, read), rng.randint(0, written)) if model == "gpt-audio" else (0, 0)
    usage: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": sound[0]},
        "completion_tokens_details": {"audio_tokens": sound[1]},
    }
    if thoughts is not None:
        usage["completion_tokens_details"]["reasoning_tokens"] = thoughts
    message = {"role": "assistant", "content": "So."}
    whole = {"model": model, "service_tier": tier, "usage": usage}
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Why?"}]}
    if rng.random() < 0.5:
        body = _framed(
            {"model": model, "choices": [{"index": 0, "delta": message, "finish_reason": None}], "usage": None},
            {"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None},
            {**whole, "choices": []},
        )
        request["stream"] = True
    else:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps({**whole, "choices": [choice]}).encode()
    usd = _dollars(model, read, cached, written, sound, tier, Fraction(0))
    return _billed("/v1/chat/completions", request, body, (read, cached, written, thoughts, read + written), usd)


def _response(rng: Random) -> Synthetic:
    tier = rng.choice((None, "default", "flex", "priority"))
    answer = response(rng, rng.choice(RESPONDING), tier, **({"service_tier": tier} if tier is not None else {}))
    request = {"model": answer.whole["model"], "input": "Why?", "stream": rng.random() < 0.5}
    body = answer.stream if request["stream"] else answer.body
    return Synthetic("/v1/responses", json.dumps(request).encode(), body, answer.tokens, answer.usd)


def response(rng: Random, model: str, tier: str | None = None, **fields: Any) -> Answer:
    """A response that has ended; `fields` are further ones of it."""
    read, written = _count(rng), _count(rng, 20_000)
    cached, thoughts = rng.randint(0, read), rng.randint(0, written)
    searches, lookups = rng.choice((0, 0, 1, 3)), rng.choice((0, 0, 2))
    items: list[Any] = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}]
    items += [{"type": "web_search_call", "action": {"type": "search"}}] * searches
    items += [{"type": "file_search_call", "queries": ["q"]}] * lookups
    items.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]})
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": thoughts},
        "total_tokens": read + written,
    }
    whole: dict[str, Any] = {"id": f"resp_{rng.getrandbits(64):x}", "object": "response", "model": SERVED[model]}
    whole |= {"status": "completed", "output": items, "usage": usage, **fields}
    beside = SEARCH * searches + FILE_SEARCH * lookups
    usd = _dollars(model, read, cached, written, (0, 0), tier, beside)
    return Answer(whole, _tokens(read, cached, written, thoughts, read + written), usd)


def answered_in_a_batch(rng: Random) -> Answer:
    """The body of a batch's line: a response, a chat or an embedding at half the price; searches have their own."""
    kind = rng.random()
    if kind < 0.4:
        return response(rng, rng.choice(RESPONDING), "batch", service_tier="default")
    if kind < 0.6:
        read = _count(rng)
        usage = {"prompt_tokens": read, "total_tokens": read}
        whole: dict[str, Any] = {"object": "list", "model": "text-embedding-3-large", "data": [], "usage": usage}
        usd = _dollars("text-embedding-3-large", read, 0, 0, (0, 0), "batch", Fraction(0))
        return Answer(whole, _tokens(read, None, None, None, read), usd)
    model, read, written = rng.choice(RESPONDING), _count(rng), _count(rng, 20_000)
    cached = rng.randint(0, read)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    choice = {"index": 0, "message": {"role": "assistant", "content": "So."}, "finish_reason": "stop"}
    whole = {"object": "chat.completion", "model": SERVED[model], "choices": [choice]}
    whole["usage"] = {**usage, "prompt_tokens_details": {"cached_tokens": cached}}
    usd = _dollars(model, read, cached, written, (0, 0), "batch", Fraction(0))
    return Answer(whole, _tokens(read, cached, written, None, read + written), usd)


def _embedding(rng: Random) -> Synthetic:
    model, read = "text-embedding-3-large", _count(rng)
    whole = {"model": model, "data": [], "usage": {"prompt_tokens": read, "total_tokens": read}}
    usd = _dollars(model, read, 0, 0, (0, 0), None, Fraction(0))
    request = {"model": model, "input": "Why?"}
    return _billed("/v1/embeddings", request, json.dumps(whole).encode(), (read, None, None, None, read), usd)


def _framed(*values: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def _billed(path: str, request: Any, response: bytes, counts: tuple[int | None, ...], usd: float | None) -> Synthetic:
    return Synthetic(path, json.dumps(request).encode(), response, _tokens(*counts), usd)


def _tokens(
    read: int | None, cached: int | None, written: int | None, thoughts: int | None, total: int | None
) -> dict[str, int | None]:
    said = written if thoughts is None or written is None else written - thoughts
    return {"input": read, "cached": cached, "output": said, "reasoning": thoughts, "total": total}


def _dollars(
    model: str, read: int, cached: int, written: int, sound: tuple[int, int], tier: str | None, beside: Fraction
) -> float | None:
    prices = PRICES[model]
    factor = {"flex": "0.5", "batch": "0.5", "priority": prices.priority, "scale": None}.get(tier or "", "1")
    if factor is None:
        return None
    total = Fraction(prices.read) * (read - cached - sound[0]) + Fraction(prices.written) * (written - sound[1])
    stays = tier == "batch" and not prices.halves_cached
    total += Fraction(prices.cached or prices.read) * cached * (2 if stays else 1)
    if prices.sound is not None:
        total += Fraction(prices.sound[0]) * sound[0] + Fraction(prices.sound[1]) * sound[1]
    return float(total * Fraction(factor) / MILLION + beside) if total or beside else None
