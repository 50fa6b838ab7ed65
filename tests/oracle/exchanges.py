"""Synthetic exchanges with Google's APIs, of every kind that is billed and some that are not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

CHAT: Final = (
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-3-flash-preview",
    "gemini-3.1-pro-preview",
    "gemini-3.6-flash",
    "gemini-3-pro-image-preview",
    "gemini-99-unpriced",
)
LIVE: Final = "gemini-3.1-flash-live-preview"
EMBEDDING: Final = ("gemini-embedding-001", "gemini-embedding-2")
DAYS: Final = (
    datetime(2026, 11, 20, 9, tzinfo=UTC),
    datetime(2026, 12, 31, 9, tzinfo=UTC),
    datetime(2027, 2, 1, tzinfo=UTC),
)
NUMBERS: Final = {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4}
PLACES: Final = ("/v1beta", "/v1beta1/projects/p/locations/global")


@dataclass(frozen=True)
class Synthetic:
    """One exchange; `turns` are the usages of a session of the Live API."""

    method: str
    path: str
    request: bytes
    response: bytes
    at: datetime
    turns: tuple[dict[str, Any], ...] | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the response is a stream of events."""
        return self.response.startswith((b"data:", b"event:"))


def synthetic(seed: int) -> Synthetic:
    """The exchange of this number, always the same."""
    rng = Random(seed)
    kind = rng.choice((_generate, _generate, _generate, _interaction, _interaction, _embed, _live, _look_up))
    return kind(rng)


def _count(rng: Random, most: int = 300_000) -> int:
    return rng.choice((0, rng.randint(1, 50), rng.randint(1, 5_000), rng.randint(1, most)))


def _parts(rng: Random, total: int, modalities: tuple[str, ...]) -> dict[str, int]:
    """A total split into modalities."""
    found: dict[str, int] = {}
    for modality in modalities[1:]:
        if rng.random() < 0.4:
            found[modality] = rng.randint(0, total - sum(found.values()))
    return {modalities[0]: total - sum(found.values()), **found}


def _details(rng: Random, parts: dict[str, int], numbered: bool) -> list[dict[str, Any]]:
    found = [{"modality": NUMBERS[name] if numbered else name, "tokenCount": count} for name, count in parts.items()]
    rng.shuffle(found)
    return found


def _usage(rng: Random, model: str) -> dict[str, Any]:
    numbered = rng.random() < 0.1
    prompt, output, thoughts = _count(rng), _count(rng, 60_000), rng.choice((None, _count(rng, 30_000)))
    parts = _parts(rng, prompt, ("TEXT", "AUDIO", "IMAGE", "VIDEO"))
    usage: dict[str, Any] = {"promptTokenCount": prompt, "candidatesTokenCount": output}
    usage["promptTokensDetails"] = _details(rng, parts, numbered)
    if thoughts is not None:
        usage["thoughtsTokenCount"] = thoughts
    if rng.random() < 0.4:
        held = {name: rng.randint(0, count) for name, count in parts.items()}
        usage["cachedContentTokenCount"] = sum(held.values())
        usage["cacheTokensDetails"] = _details(rng, held, numbered)
    if rng.random() < 0.2:
        tools = _count(rng, 20_000)
        usage["toolUsePromptTokenCount"] = tools
        usage["toolUsePromptTokensDetails"] = _details(rng, _parts(rng, tools, ("TEXT", "AUDIO")), numbered)
    if model.endswith("image-preview"):
        usage["candidatesTokensDetails"] = _details(rng, _parts(rng, output, ("TEXT", "IMAGE")), numbered)
    total = prompt + output + usage.get("toolUsePromptTokenCount", 0)
    if thoughts and rng.random() < 0.2:
        usage["candidatesTokenCount"] = output + thoughts  # some models count their thoughts there
    usage["totalTokenCount"] = total + (thoughts or 0)
    return usage


def _generate(rng: Random) -> Synthetic:
    model, place = rng.choice(CHAT), rng.choice(PLACES)
    usage = _usage(rng, model)
    request: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}
    if place == PLACES[0]:
        tier = rng.choice((None, None, "standard", "flex", "priority"))
        usage |= {"serviceTier": tier} if tier is not None and rng.random() < 0.8 else {}
        request |= {"service_tier": tier} if tier is not None else {}
    elif rng.random() < 0.6:
        kinds = ("ON_DEMAND", "ON_DEMAND_FLEX", "ON_DEMAND_PRIORITY", "PROVISIONED_THROUGHPUT")
        usage["trafficType"] = rng.choice(kinds)
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": "So."}]}, "finishReason": "STOP"}
    if rng.random() < 0.2:
        candidate["groundingMetadata"] = {"webSearchQueries": [f"q{n}" for n in range(rng.randint(0, 4))]}
    # A model that is no longer offered is served by another.
    served = model if rng.random() < 0.9 else rng.choice(CHAT[:3])
    last = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": served}
    prefix = f"{place}/models/" if place == PLACES[0] else f"{place}/publishers/google/models/"
    if rng.random() < 0.5:
        early = {"candidates": [{"content": {"parts": [{"text": "Well. "}]}}], "usageMetadata": {"promptTokenCount": 3}}
        body = b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in (early, last))
        return _posted(rng, f"{prefix}{model}:streamGenerateContent", request, body)
    return _posted(rng, f"{prefix}{model}:generateContent", request, json.dumps(last).encode())


def _posted(rng: Random, path: str, request: Any, response: bytes) -> Synthetic:
    return Synthetic("POST", path, json.dumps(request).encode(), response, rng.choice(DAYS))


def _interaction(rng: Random) -> Synthetic:
    model = rng.choice(CHAT)
    given, output, thoughts, tools = _count(rng), _count(rng, 60_000), _count(rng, 9_000), _count(rng, 500)
    parts = _parts(rng, given, ("text", "audio", "image"))
    held = {name: rng.randint(0, count) for name, count in parts.items()} if rng.random() < 0.3 else {}
    made = _parts(rng, output, ("text", "image")) if model.endswith("image-preview") else {"text": output}
    usage: dict[str, Any] = {
        "total_input_tokens": given,
        "total_output_tokens": output,
        "total_thought_tokens": thoughts,
        "total_tool_use_tokens": tools,
        "total_cached_tokens": sum(held.values()),
        "total_tokens": given + output + thoughts + tools,
    }
    for name, counts in (("input", parts), ("output", made), ("cached", held)):
        usage[f"{name}_tokens_by_modality"] = [{"modality": each, "tokens": n} for each, n in counts.items()]
    if rng.random() < 0.2:
        usage["grounding_tool_count"] = [{"type": "google_search", "count": rng.randint(0, 3)}]
    whole: dict[str, Any] = {"id": f"v1_{rng.random()}", "model": model, "status": "completed", "usage": usage}
    if rng.random() < 0.1:
        whole |= {"status": "requires_continuation", "continuation_token": "t"}
    if rng.random() < 0.4:
        whole["service_tier"] = rng.choice(("standard", "flex", "priority"))
    request = {"model": model, "input": "Why?"}
    if rng.random() < 0.5:
        begun = {"event_type": "interaction.created", "interaction": {"id": whole["id"], "status": "in_progress"}}
        done = {"event_type": "interaction.completed", "interaction": whole}
        body = b"".join(f"event: {each['event_type']}\ndata: {json.dumps(each)}\n\n".encode() for each in (begun, done))
        body += b"event: done\ndata: [DONE]\n\n"
        return _posted(rng, f"{rng.choice(PLACES)}/interactions", request, body)
    return _posted(rng, f"{rng.choice(PLACES)}/interactions", request, json.dumps({**whole, "steps": []}).encode())


def _embed(rng: Random) -> Synthetic:
    model, total = rng.choice(EMBEDDING), _count(rng, 8_000)
    if model == EMBEDDING[0] and rng.random() < 0.5:
        values = {"values": [0.1], "statistics": {"token_count": total, "truncated": False}}
        response = {"predictions": [{"embeddings": values}] * rng.randint(1, 4)}
        path = f"{PLACES[1]}/publishers/google/models/{model}:predict"
        return _posted(rng, path, {"instances": [{"content": "x"}]}, json.dumps(response).encode())
    parts = _parts(rng, total, ("TEXT", "IMAGE", "AUDIO", "VIDEO") if model == EMBEDDING[1] else ("TEXT",))
    name = rng.choice(("promptTokenDetails", "promptTokensDetails"))
    usage = {"promptTokenCount": total, name: _details(rng, parts, rng.random() < 0.2)}
    verb = rng.choice(("embedContent", "batchEmbedContents"))
    answer = {"embedding": {"values": [0.1]}, "usageMetadata": usage}
    return _posted(rng, f"{PLACES[0]}/models/{model}:{verb}", {"content": {}}, json.dumps(answer).encode())


def _live(rng: Random) -> Synthetic:
    turns = []
    for _ in range(rng.randint(1, 6)):
        prompt, output = _count(rng, 60_000), _count(rng, 4_000)
        usage = {
            "promptTokenCount": prompt,
            "responseTokenCount": output,
            "totalTokenCount": prompt + output,
            "promptTokensDetails": _details(rng, _parts(rng, prompt, ("TEXT", "AUDIO", "IMAGE", "VIDEO")), False),
            "responseTokensDetails": _details(rng, _parts(rng, output, ("TEXT", "AUDIO")), False),
        }
        if rng.random() < 0.4:
            usage["thoughtsTokenCount"] = rng.randint(1, 500)
        turns.append(usage)
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    return Synthetic("GET", path, b"", b"", rng.choice(DAYS), tuple(turns))


def _look_up(rng: Random) -> Synthetic:
    usage = {"promptTokenCount": 9, "totalTokenCount": _count(rng)}
    method, path, answer = rng.choice(
        (
            ("POST", "/models/gemini-2.5-flash:countTokens", {"totalTokens": 5_000}),
            ("GET", "/cachedContents/abc", {"name": "cachedContents/abc", "usageMetadata": usage}),
            ("PATCH", "/cachedContents/abc", {"name": "cachedContents/abc", "usageMetadata": usage}),
            ("GET", "/batches/b", {"usageMetadata": usage}),
        )
    )
    request = json.dumps({"contents": []}).encode() if method == "POST" else b""
    return Synthetic(method, f"{PLACES[0]}{path}", request, json.dumps(answer).encode(), rng.choice(DAYS))
