"""Costs of messages against a second reckoning, and what that does not cover."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from gemtap.interaction import Cost
from gemtap.providers.batch_price import price_with_results
from gemtap.providers.reader import Bill
from gemtap.providers.registry import PROVIDERS
from gemtap.testing.examples import Example
from tests.oracle import anthropic_bill

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
COUNT = 2_000


def cost_of(response: Any, path: str = "/v1/messages", provider: str = "anthropic") -> tuple[Any, Cost | None]:
    streamed = isinstance(response, bytes) and response.startswith(b"event:")
    example = Example(
        "GET" if path.endswith("results") else "POST",
        path,
        "",
        request={"messages": []},
        response=response,
        content_type="text/event-stream" if streamed else "application/json",
    )
    reader = PROVIDERS[provider].reader
    parsed = reader.read(example.exchange())
    dialect = reader.dialect(parsed.operation, is_session=False)
    assert dialect is not None
    bill = Bill(
        operation=parsed.operation,
        models=(parsed.model_version, parsed.model),
        tokens=parsed.tokens,
        priced_apart=dialect.priced_apart(parsed.usage_metadata),
        at=AT,
        usage=parsed.usage_metadata,
        response=response.decode() if isinstance(response, bytes) else response,
    )
    return parsed.tokens, price_with_results(reader, dialect, bill)


def close(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isclose(one, other, abs_tol=1e-8))


def test_messages_are_counted_and_priced_as_the_oracle_does() -> None:
    """None of 2,000 differs in a token or a millionth of a cent, with caches, batches, tiers and web searches."""
    found = {}
    for seed in range(COUNT):
        response = anthropic_bill.message(seed)
        tokens, cost = cost_of(response)
        wanted = anthropic_bill.bill(response)
        usd = cost["usd"] if cost is not None else None
        saved = cost.get("cache_saved") if cost is not None else None
        if dict(tokens) != wanted.tokens or not close(usd, wanted.usd) or not close(saved, wanted.saved):
            found[seed] = (tokens, cost, wanted, response)
    assert not found, f"{len(found)} differ, the first: {next(iter(found.items()))}"


def message(model: str = "claude-opus-4-8", **usage: Any) -> dict[str, Any]:
    return {"type": "message", "model": model, "usage": {"input_tokens": 1_000_000, "output_tokens": 0, **usage}}


def test_advice_of_another_model_has_that_models_price() -> None:
    """Its tokens are not in the counts of the whole usage, nor are those of a compaction."""
    advice = {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 1_000_000, "output_tokens": 0}
    compaction = {"type": "compaction", "input_tokens": 500_000, "output_tokens": 0}
    tokens, cost = cost_of(message(iterations=[advice, compaction, {"type": "message", "input_tokens": 9}]))
    assert tokens["input"] == 2_500_000
    assert cost is not None
    assert cost["usd"] == pytest.approx(5 + 1 + 2.5)


def test_each_model_that_tried_has_its_own_price() -> None:
    """One that declined before it said anything is not billed; one that had begun is."""
    declined = {"type": "message", "model": "claude-sonnet-4-6", "input_tokens": 1_000_000, "output_tokens": 0}
    begun = {**declined, "model": "claude-haiku-4-5", "output_tokens": 100_000}
    served = {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 1_000_000, "output_tokens": 0}
    searches = {"web_search_requests": 2}
    tokens, cost = cost_of(message(iterations=[declined, begun, served], server_tool_use=searches))
    assert (tokens["input"], tokens["output"]) == (2_000_000, 100_000)
    assert cost is not None
    assert cost["usd"] == pytest.approx(1 + 0.5 + 5 + 0.02)


def test_results_of_a_batch_cost_half() -> None:
    """Their price is the sum of those of the lines."""
    line = b'{"custom_id": "a", "result": {"type": "succeeded", "message": %s}}\n'
    body = b'{"model": "claude-opus-4-8", "usage": {"input_tokens": 1000000, "output_tokens": 0}}'
    _, cost = cost_of(line % body * 2, "/v1/messages/batches/b/results")
    assert cost is not None
    assert cost["usd"] == pytest.approx(5)


def test_claude_on_vertex_has_the_same_prices() -> None:
    """Its paths name the model with a date."""
    path = "/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"
    response = message("claude-sonnet-4-5-20250929", input_tokens=100_000)
    _, cost = cost_of(response, path, "vertex")
    assert cost is not None
    assert cost["usd"] == pytest.approx(0.3)
    del response["model"]
    assert cost_of(response, path, "vertex")[1] == cost


@pytest.mark.parametrize(
    ("usage", "missing"),
    [
        ({"service_tier": "priority"}, "the priority tier is paid by commitment"),
        ({"speed": "fast"}, "no price of fast answers is known for this model"),
    ],
)
def test_what_has_no_list_price_says_so(usage: dict[str, Any], missing: str) -> None:
    """An unknown price is no price of 0."""
    _, cost = cost_of(message("claude-haiku-4-5", **usage))
    assert cost == {"usd": None, "source": None, "missing": missing}
