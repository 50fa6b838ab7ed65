"""What Google bills for one exchange, reckoned from its bytes and the published prices alone.

Nothing of Gemtap is imported here: this is what Gemtap is compared with. Prices are from
https://ai.google.dev/gemini-api/docs/pricing, in US dollars for a million tokens, as of November 2026.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, Final

MILLION: Final = 1_000_000
LONG: Final = 200_000


@dataclass(frozen=True)
class Prices:
    """The prices of one model."""

    text_in: str
    out: str = "0"
    cached: str | None = None
    other_in: dict[str, str] = field(default_factory=dict)
    other_cached: dict[str, str] = field(default_factory=dict)
    other_out: dict[str, str] = field(default_factory=dict)
    long: tuple[str, str, str] | None = None  # input, output, cached input from 200,000 tokens of input on
    search: str = "0"  # for one
    search_by_prompt: bool = False


_FLASH_36_NEW: Final = Prices("1.5", "7.5", "0.15", search="0.014")
PRICES: Final = {
    "gemini-2.5-pro": Prices("1.25", "10", "0.125", long=("2.5", "15", "0.25"), search="0.035", search_by_prompt=True),
    "gemini-2.5-flash": Prices(
        "0.3", "2.5", "0.03", {"AUDIO": "1"}, {"AUDIO": "0.1"}, search="0.035", search_by_prompt=True
    ),
    "gemini-2.5-flash-lite": Prices(
        "0.1", "0.4", "0.01", {"AUDIO": "0.3"}, {"AUDIO": "0.03"}, search="0.035", search_by_prompt=True
    ),
    "gemini-3-flash-preview": Prices("0.5", "3", "0.05", {"AUDIO": "1"}, {"AUDIO": "0.1"}, search="0.014"),
    "gemini-3.1-pro-preview": Prices("2", "12", "0.2", long=("4", "18", "0.4"), search="0.014"),
    "gemini-3.6-flash": Prices("0.75", "3.75", "0.075", search="0.014"),
    "gemini-3-pro-image-preview": Prices("2", "12", other_out={"IMAGE": "120"}, search="0.014"),
    "gemini-embedding-001": Prices("0.15"),
    "gemini-embedding-2": Prices("0.2", other_in={"AUDIO": "6.5", "IMAGE": "0.45", "VIDEO": "12"}),
    "gemini-3.1-flash-live-preview": Prices(
        "0.75", "4.5", None, {"AUDIO": "3", "IMAGE": "1", "VIDEO": "1"}, {}, {"AUDIO": "12"}, search="0.014"
    ),
}
FACTORS: Final = {"flex": Fraction(1, 2), "priority": Fraction(9, 5)}
NUMBERED: Final = {1: "TEXT", 2: "IMAGE", 3: "VIDEO", 4: "AUDIO", 5: "DOCUMENT"}


@dataclass
class Bill:
    """Tokens of an exchange, and its cost; None where the cost is not known or nothing is billed."""

    tokens: dict[str, int | None]
    usd: float | None


NOTHING: Final[dict[str, int | None]] = dict.fromkeys(
    ("input", "cached", "cache_write", "output", "reasoning", "tool_use", "total"), None
)


def bill(method: str, path: str, request: bytes, response: bytes, on: date) -> Bill:
    """The bill of an HTTP exchange that ended well."""
    frames = frames_of(response)
    asked = json.loads(request) if request else {}
    if method.upper() != "POST" or re.search(r":(countTokens|computeTokens)$", path):
        return Bill(dict(NOTHING), None)
    if path.endswith("/interactions"):
        return of_an_interaction(frames, asked, on)
    named = re.search(r"/models/([^:/]+):(\w+)$", path)
    assert named is not None, path
    model, verb = named.groups()
    if verb == "predict":
        counted = [each["embeddings"]["statistics"]["token_count"] for each in frames[0]["predictions"]]
        total = sum(counted)
        return Bill(
            {**NOTHING, "input": total, "total": total}, dollars(Fraction(PRICES[model].text_in) * total, MILLION)
        )
    usage = next((frame["usageMetadata"] for frame in reversed(frames) if "usageMetadata" in frame), None)
    if usage is None:
        return Bill(dict(NOTHING), None)
    served = next((frame["modelVersion"] for frame in reversed(frames) if "modelVersion" in frame), model)
    searched = [
        {query for candidate in frame.get("candidates", []) for query in searches_in(candidate)} for frame in frames
    ]
    return of_usage(usage, served, asked, len(set().union(*searched)), on)


def of_a_session(model: str, turns: list[dict[str, Any]], on: date) -> Bill:
    """The bill of a session of the Live API: each turn by itself."""
    bills = [of_usage(turn, model, {}, 0, on) for turn in turns]
    tokens = {
        name: sum(known)
        if (known := [each.tokens[name] or 0 for each in bills if each.tokens[name] is not None])
        else None
        for name in NOTHING
    }
    return Bill(tokens, sum(each.usd or 0 for each in bills) or None)


def frames_of(response: bytes) -> list[dict[str, Any]]:
    """The JSON of a body, or of each event of a stream."""
    text = response.decode()
    if not text.startswith(("data:", "event:")):
        value = json.loads(text)
        return value if isinstance(value, list) else [value]
    data = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def searches_in(candidate: dict[str, Any]) -> list[str]:
    found: list[str] = candidate.get("groundingMetadata", {}).get("webSearchQueries", [])
    return found


def of_usage(usage: dict[str, Any], model: str, asked: dict[str, Any], queries: int, on: date) -> Bill:
    """The bill of one usageMetadata."""
    prompt, tools = usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount")
    thoughts, total = usage.get("thoughtsTokenCount"), usage.get("totalTokenCount")
    output = usage.get("candidatesTokenCount")
    if output is None:
        output = usage.get("responseTokenCount")
    elif thoughts and (prompt or 0) + output + (tools or 0) == total:
        output = max(output - thoughts, 0)
    tokens = {
        "input": prompt,
        "cached": usage.get("cachedContentTokenCount"),
        "cache_write": None,
        "output": output,
        "reasoning": thoughts,
        "tool_use": tools,
        "total": total,
    }
    media_in, media_cached, media_out = (
        split([entry for name in names for entry in usage.get(name, [])], "tokenCount")
        for names in (
            ("promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails"),
            ("cacheTokensDetails",),
            ("candidatesTokensDetails", "responseTokensDetails"),
        )
    )
    tier = str(usage.get("serviceTier") or usage.get("trafficType") or asked.get("service_tier") or "standard").lower()
    return Bill(tokens, amount(model, tokens, media_in, media_cached, media_out, tier, queries, on))


def of_an_interaction(frames: list[dict[str, Any]], asked: dict[str, Any], on: date) -> Bill:
    """The bill of a new interaction."""
    whole: dict[str, Any] = {}
    for frame in frames:
        whole |= {name: value for name, value in frame.get("interaction", frame).items() if value is not None}
    usage = whole.get("usage")
    if usage is None:
        return Bill(dict(NOTHING), None)
    names = {"reasoning": "thought", "total": ""}
    tokens = {
        name: usage.get(f"total_{names.get(name, name)}_tokens" if name != "total" else "total_tokens")
        for name in NOTHING
    }
    media_in = split(usage.get("input_tokens_by_modality", []) + usage.get("tool_use_tokens_by_modality", []), "tokens")
    media_cached = split(usage.get("cached_tokens_by_modality", []), "tokens")
    media_out = split(usage.get("output_tokens_by_modality", []), "tokens")
    queries = sum(each["count"] for each in usage.get("grounding_tool_count", []) if each["type"] == "google_search")
    tier = whole.get("service_tier") or asked.get("service_tier") or "standard"
    model = whole.get("model") or asked["model"]
    return Bill(tokens, amount(model, tokens, media_in, media_cached, media_out, tier, queries, on))


def split(details: list[dict[str, Any]], counter: str) -> dict[str, int]:
    """Tokens by modality."""
    found: dict[str, int] = {}
    for each in details:
        modality = each.get("modality")
        name = NUMBERED.get(modality, "TEXT") if isinstance(modality, int) else str(modality).upper()
        found[name] = found.get(name, 0) + each.get(counter, 0)
    return found


def amount(
    model: str,
    tokens: dict[str, int | None],
    media_in: dict[str, int],
    media_cached: dict[str, int],
    media_out: dict[str, int],
    tier: str,
    queries: int,
    on: date,
) -> float | None:
    """US dollars."""
    tier = tier.removeprefix("on_demand").strip("_") or "standard"
    if tokens["input"] is None or model not in PRICES or tier == "provisioned_throughput":
        return None
    prices = PRICES[model]
    if model == "gemini-3.6-flash" and on >= date(2027, 1, 1):
        prices = _FLASH_36_NEW
    read = tokens["input"] + (tokens["tool_use"] or 0)
    written = (tokens["output"] or 0) + (tokens["reasoning"] or 0)
    cached = tokens["cached"] or 0
    text_in, out, cache = prices.text_in, prices.out, prices.cached
    if prices.long is not None and read > LONG:
        text_in, out, cache = prices.long
    total = Fraction(0)
    left_in, left_cached = read, cached
    for modality, price in prices.other_in.items():
        number, held = media_in.get(modality, 0), media_cached.get(modality, 0) if cache is not None else 0
        total += Fraction(price) * (number - held) + Fraction(prices.other_cached.get(modality, price)) * held
        left_in, left_cached = left_in - number, left_cached - held
    total += (
        Fraction(text_in) * (left_in - left_cached) + Fraction(cache if cache is not None else text_in) * left_cached
    )
    for modality, price in prices.other_out.items():
        total += Fraction(price) * media_out.get(modality, 0)
        written -= media_out.get(modality, 0)
    total = (total + Fraction(out) * written) * FACTORS.get(tier, Fraction(1))
    grounded = min(queries, 1) if prices.search_by_prompt else queries
    return dollars(total + Fraction(prices.search) * grounded * MILLION, MILLION)


def dollars(amount: Fraction, divisor: int) -> float | None:
    return float(amount / divisor) or None
