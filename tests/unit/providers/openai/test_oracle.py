"""Tokens and costs of synthetic exchanges equal those of an oracle that shares no code with Gemtap."""

from __future__ import annotations

import json

import pytest

from tests.oracle.openai import synthetic
from tests.unit.providers.openai.recording import document_of


@pytest.mark.parametrize("seed", range(150))
def test_tokens_and_cost_are_those_of_the_oracle(seed: int) -> None:
    """Chats, responses and embeddings, streamed or not, at each service tier."""
    exchange = synthetic(seed)
    response = exchange.response if exchange.response.startswith(b"data:") else json.loads(exchange.response)
    document = document_of(exchange.path, response, request=exchange.request)
    assert {name: document["tokens"][name] for name in exchange.tokens} == exchange.tokens  # type: ignore[literal-required]
    cost = document["cost"]
    usd = cost["usd"] if cost is not None else None
    assert usd == (pytest.approx(exchange.usd, rel=1e-9) if exchange.usd is not None else None)
