"""What Google bills, against the figures on its price list: https://ai.google.dev/gemini-api/docs/pricing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.providers.google.recording import GEMINI, VERTEX, document_of, generated, usd

FLASH = f"{GEMINI}/models/gemini-3-flash-preview:generateContent"
VERTEX_FLASH = f"{VERTEX}/publishers/google/models/gemini-3-flash-preview:generateContent"
USED = {"promptTokenCount": 100_000, "candidatesTokenCount": 10_000, "totalTokenCount": 110_000}
STANDARD = 0.08


@pytest.mark.parametrize(
    ("path", "told", "factor"),
    [
        (FLASH, {"serviceTier": "standard"}, 1),
        (FLASH, {"serviceTier": "flex"}, 0.5),
        (FLASH, {"serviceTier": "FLEX"}, 0.5),
        (FLASH, {"serviceTier": "SERVICE_TIER_FLEX"}, 0.5),
        (FLASH, {"serviceTier": "priority"}, 1.8),
        (FLASH, {"serviceTier": "batch"}, 0.5),
        (VERTEX_FLASH, {"trafficType": "ON_DEMAND"}, 1),
        (VERTEX_FLASH, {"trafficType": "ON_DEMAND_FLEX"}, 0.5),
        (VERTEX_FLASH, {"trafficType": "ON_DEMAND_PRIORITY"}, 1.8),
    ],
)
def test_the_service_tier_changes_the_price(path: str, told: dict[str, str], factor: float) -> None:
    """Flex and batches cost half, priority 1.8 times as much, in the spelling of either API."""
    assert usd(document_of(path, generated({**USED, **told}))) == pytest.approx(STANDARD * factor)


def test_the_tier_that_served_counts_not_the_one_that_was_asked_for() -> None:
    """A request for priority that is served as standard costs the standard price."""
    request = {"contents": [], "service_tier": "priority"}
    served = {**USED, "serviceTier": "standard"}
    assert usd(document_of(FLASH, generated(served), request=request)) == STANDARD
    assert usd(document_of(FLASH, generated(USED), request=request)) == pytest.approx(STANDARD * 1.8)
    header = {"x-gemini-service-tier": "flex"}
    assert usd(document_of(FLASH, generated(USED), headers=header)) == pytest.approx(STANDARD / 2)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("PROVISIONED_THROUGHPUT", "provisioned throughput is paid beforehand"),
        ("ON_DEMAND_OFFPEAK", "no price is known for the service tier on_demand_offpeak"),
    ],
)
def test_what_has_no_price_says_why(told: str, why: str) -> None:
    """The amount is null and `missing` has the reason; the tokens are counted all the same."""
    document = document_of(VERTEX_FLASH, generated({**USED, "trafficType": told}))
    assert document["cost"] == {"usd": None, "source": None, "missing": why}
    assert document["tokens"]["total"] == 110_000


def test_an_unknown_model_says_so() -> None:
    """A model that no price list has is named."""
    document = document_of(f"{GEMINI}/models/gemini-99:generateContent", generated(USED))
    assert document["cost"] == {"usd": None, "source": None, "missing": "no price is known for gemini-99"}


@pytest.mark.parametrize("modality", ["IMAGE", 2, "image"])
@pytest.mark.parametrize("name", ["promptTokenDetails", "promptTokensDetails"])
def test_embedded_images_have_their_own_price(name: str, modality: Any) -> None:
    """Embeddings spell the details without the s, and modalities may be numbers."""
    details = [{"modality": modality, "tokenCount": 258}, {"modality": "TEXT", "tokenCount": 3}]
    answer = {"embeddings": [{"values": [0.1]}], "usageMetadata": {"promptTokenCount": 261, name: details}}
    path = f"{GEMINI}/models/gemini-embedding-2:batchEmbedContents"
    assert usd(document_of(path, answer)) == pytest.approx((258 * 0.45 + 3 * 0.20) / 1e6)


def interaction(model: str, usage: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "v1_a", "status": "completed", "model": model, "steps": [], "usage": usage, **fields}


def test_an_interaction_is_priced_by_modality() -> None:
    """Image output and audio input of the Interactions API have the prices of generateContent."""
    drawn = interaction(
        "gemini-3-pro-image-preview",
        {
            "input_tokens_by_modality": [{"modality": "text", "tokens": 20}],
            "output_tokens_by_modality": [{"modality": "image", "tokens": 1120}],
            "total_input_tokens": 20,
            "total_output_tokens": 1120,
            "total_tokens": 1140,
        },
        service_tier="standard",
    )
    assert usd(document_of(f"{GEMINI}/interactions", drawn)) == pytest.approx(0.13444)
    heard = {
        "input_tokens_by_modality": [{"modality": "text", "tokens": 4}, {"modality": "audio", "tokens": 9996}],
        "total_input_tokens": 10_000,
        "total_output_tokens": 4,
        "total_tokens": 10_004,
    }
    answer = interaction("gemini-2.5-flash", heard)
    assert usd(document_of(f"{GEMINI}/interactions", answer)) == pytest.approx(0.0100072)
    assert usd(document_of(f"{GEMINI}/interactions", {**answer, "service_tier": "flex"})) == pytest.approx(0.0050036)


def test_tokens_of_tools_are_priced_by_modality_too() -> None:
    """Audio that a tool gave back costs as much as audio of the prompt."""
    usage = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 10,
        "toolUsePromptTokenCount": 1_000,
        "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1_000}],
        "totalTokenCount": 1_110,
    }
    path = f"{GEMINI}/models/gemini-2.5-flash:generateContent"
    assert usd(document_of(path, generated(usage))) == pytest.approx((100 * 0.30 + 1_000 * 1.00 + 10 * 2.50) / 1e6)


def test_vertex_predict_counts_each_text() -> None:
    """Token counts stand in the statistics of each prediction; older models are priced by characters."""
    statistics = [{"token_count": 4, "truncated": False}, {"token_count": 6.0, "truncated": False}]
    answer = {
        "predictions": [{"embeddings": {"values": [0.1], "statistics": each}} for each in statistics],
        "metadata": {"billableCharacterCount": 40_000},
    }
    old = document_of(f"{VERTEX}/publishers/google/models/text-embedding-005:predict", answer)
    assert (old["tokens"]["input"], old["tokens"]["total"], usd(old)) == (10, 10, 0.001)
    new = document_of(f"{VERTEX}/publishers/google/models/gemini-embedding-001:predict", answer)
    assert new["tokens"]["input"] == 10
    assert usd(new) == pytest.approx(10 * 0.15 / 1e6)


def test_images_are_priced_one_by_one() -> None:
    """Imagen bills each image that it delivers."""
    answer = {
        "predictions": [{"bytesBase64Encoded": "iVBO"}, {"bytesBase64Encoded": "iVBO"}, {"raiFilteredReason": ""}]
    }
    assert usd(document_of(f"{GEMINI}/models/imagen-4.0-fast-generate-001:predict", answer)) == 0.04


@pytest.mark.parametrize(
    ("model", "queries", "price"), [("gemini-3-flash-preview", 3, 0.042), ("gemini-2.5-flash", 3, 0.035)]
)
def test_grounding_is_billed_by_query_or_by_prompt(model: str, queries: int, price: float) -> None:
    """Gemini 3 bills each query, Gemini 2.5 each prompt that was grounded."""
    path = f"{GEMINI}/models/{model}:generateContent"
    answer = generated(USED)
    without = usd(document_of(path, answer))
    metadata = {"webSearchQueries": [f"query {number}" for number in range(queries)]}
    answer["candidates"][0]["groundingMetadata"] = metadata
    assert without is not None
    assert usd(document_of(path, answer)) == pytest.approx(without + price)


def test_grounding_of_interactions_is_counted_in_their_usage() -> None:
    """`grounding_tool_count` says how many searches there were; what has no list price is named."""
    counts = [
        {"type": "google_search", "count": 2},
        {"type": "google_maps", "count": 1},
        {"type": "retrieval", "count": 1},
    ]
    usage = {"total_input_tokens": 10, "total_output_tokens": 10, "total_tokens": 20, "grounding_tool_count": counts}
    document = document_of(f"{GEMINI}/interactions", interaction("gemini-3-flash-preview", usage))
    assert usd(document) == pytest.approx((10 * 0.5 + 10 * 3) / 1e6 + 0.028 + 0.014)
    assert document["cost"] is not None
    assert document["cost"]["missing"] == "grounding with data of one's own is priced by contract"


def test_a_new_cache_costs_its_storage() -> None:
    """A million tokens for an hour cost 4.50 dollars with Gemini 2.5 Pro."""
    answer = {
        "name": "cachedContents/abc",
        "model": "models/gemini-2.5-pro",
        "createTime": "2026-11-28T12:00:00.123456789Z",
        "expireTime": "2026-11-28T14:00:00.123456789Z",
        "usageMetadata": {"totalTokenCount": 40_000},
    }
    request = {"model": "models/gemini-2.5-pro", "contents": []}
    document = document_of(f"{GEMINI}/cachedContents", answer, request=request)
    assert document["tokens"]["total"] == 40_000
    assert usd(document) == pytest.approx(0.04 * 4.5 * 2)


def test_prices_change_on_their_dates() -> None:
    """The introductory price of gemini-3.6-flash ends with 2026."""
    path = f"{GEMINI}/models/gemini-3.6-flash:generateContent"
    now, later = (
        usd(document_of(path, generated(USED), at=at))
        for at in (datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, 12, tzinfo=UTC))
    )
    assert now == pytest.approx(0.1 * 0.75 + 0.01 * 3.75)
    assert later == pytest.approx(0.1 * 1.5 + 0.01 * 7.5)


def test_contradictory_counts_are_no_price() -> None:
    """More cached tokens than input cannot be priced."""
    usage = {**USED, "cachedContentTokenCount": 200_000}
    cost = document_of(FLASH, generated(usage))["cost"]
    assert cost is not None
    assert (cost["usd"], cost["missing"]) == (None, "the token counts of gemini-3-flash-preview contradict each other")


@pytest.mark.parametrize(
    ("details", "held"),
    [({}, 100), ({"cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 500}]}, 100)],
    ids=["not by modality", "text alone"],
)
def test_cached_media_are_priced_where_their_number_is_not_told(details: dict[str, Any], held: int) -> None:
    """Of 1,000 tokens 600 are audio and 500 are cached: at least 100 of those are audio."""
    usage = {
        "promptTokenCount": 1_000,
        "cachedContentTokenCount": 500,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 600}, {"modality": "TEXT", "tokenCount": 400}],
        "totalTokenCount": 1_000,
        **details,
    }
    document = document_of(f"{GEMINI}/models/gemini-2.5-flash:generateContent", generated(usage))
    price = (600 - held) * 1.00 + held * 0.10 + (500 - held) * 0.03
    assert usd(document) == pytest.approx(price / 1e6)
