"""Exchanges with the Messages API: fields, tokens, errors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gemtap.dialects.anthropic_messages.fields import priced_apart, read_tokens
from gemtap.interaction import NO_TOKENS
from gemtap.providers.registry import PROVIDERS
from tests.contract.anthropic_examples import CREATE, EVENTS, MESSAGE, RESULTS, STREAM, TOKENS, USAGE, sse

PARSE = PROVIDERS["anthropic"].parse


def test_a_message_is_read() -> None:
    """Models, settings, usage, tokens and the stop reason come from the bodies."""
    parsed = PARSE(CREATE.exchange())
    assert (parsed.model, parsed.model_version) == ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929")
    assert parsed.generation_settings == {
        "max_tokens": 1024,
        "temperature": 0.5,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    assert parsed.usage_metadata == USAGE
    assert parsed.tokens == {**NO_TOKENS, **TOKENS}
    assert parsed.finish_reason == "tool_use"
    assert parsed.error is None


def test_a_stream_is_read_like_the_message() -> None:
    """Only the way it came differs."""
    whole, streamed = PARSE(CREATE.exchange()), PARSE(STREAM.exchange())
    assert streamed.accumulated == MESSAGE
    assert streamed.streaming
    assert streamed.reasoning_streamed
    assert streamed.first_token_end == len(sse(*EVENTS[:4]))
    same = ("model", "model_version", "usage_metadata", "tokens", "finish_reason", "error")
    assert [getattr(streamed, name) for name in same] == [getattr(whole, name) for name in same]


def test_an_error_in_the_middle_of_a_stream_is_found() -> None:
    """It comes as an event in a response with status 200; what came before is kept."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    parsed = PARSE(replace(STREAM, response=sse(*EVENTS[:9], error)).exchange())
    assert parsed.error == {"message": "Overloaded", "details": error["error"]}
    assert parsed.accumulated is not None
    assert parsed.accumulated["content"][1]["text"] == "Air "


def test_a_stream_without_its_end_is_an_error() -> None:
    """A response that ends without a stop reason is not whole, whatever the connection says."""
    parsed = PARSE(replace(STREAM, response=sse(*EVENTS[:-2])).exchange())
    assert parsed.error == {"message": "the stream ended without a stop_reason", "details": None}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, {"input": 5, "output": 2, "total": 7}),
        (
            {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0, "output_tokens": 2},
            {"input": 105, "cached": 100, "cache_write": 0, "output": 2, "total": 107},
        ),
        (
            {"input_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}},
            {"input": 12, "cache_write": 7},
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 2,
                "iterations": [
                    {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
                    {"type": "message", "input_tokens": 5, "output_tokens": 2},
                ],
            },
            {"input": 1005, "output": 52, "total": 1057},
        ),
        (
            {
                "input_tokens": 8,
                "output_tokens": 30,
                "output_tokens_details": {"thinking_tokens": 10},
                "iterations": [
                    {"type": "message", "model": "a", "input_tokens": 7, "output_tokens": 0},
                    {"type": "message", "model": "b", "input_tokens": 7, "output_tokens": 4},
                    {"type": "fallback_message", "model": "c", "input_tokens": 8, "output_tokens": 30},
                ],
            },
            {"input": 15, "output": 24, "reasoning": 10, "total": 49},
        ),
        ({"input_tokens": -1, "output_tokens": "2"}, {}),
        (None, {}),
    ],
)
def test_tokens_are_those_that_all_providers_share(usage: Any, expected: dict[str, int]) -> None:
    """The input includes what is read from a cache and written to one; compaction and each billed attempt count."""
    assert read_tokens(usage) == {**NO_TOKENS, **expected}


def test_writes_for_an_hour_have_a_price_of_their_own() -> None:
    """The others have that of five minutes."""
    assert priced_apart(USAGE) == {"cache_write_1h_tokens": 200}
    assert priced_apart({"input_tokens": 9}) == {}


def test_results_of_a_batch_are_read_line_by_line() -> None:
    """A failed request and a torn line cost nothing of the others."""
    failed = {
        "custom_id": "c",
        "result": {"type": "errored", "error": {"type": "error", "error": {"message": "No max_tokens."}}},
    }
    assert isinstance(RESULTS.response, bytes)
    response = RESULTS.response + json.dumps(failed).encode() + b'\n{"custom_id": "d", "res'
    parsed = PARSE(replace(RESULTS, response=response).exchange())
    assert parsed.tokens == {**NO_TOKENS, **RESULTS.tokens}
    assert parsed.usage_metadata == {"succeeded": 2, "errored": 1, "unreadable": 1}
    assert parsed.error is not None
    assert parsed.error["message"] == "1 of 4 requests of the batch failed: No max_tokens."


def test_a_new_batch_shows_its_first_request() -> None:
    """Lists have its last message and how many requests there are."""
    requests = [{"custom_id": "a", "params": CREATE.request}, {"custom_id": "b", "params": {}}]
    example = replace(
        CREATE, path="/v1/messages/batches", request={"requests": requests}, response={"type": "message_batch"}
    )
    parsed = PARSE(example.exchange())
    assert parsed.operation == "messages.batches.create"
    assert parsed.preview["prompt"] == "Why is the sky blue? (and 1 more)"
    assert parsed.tokens == NO_TOKENS


def test_counting_tokens_counts_nothing() -> None:
    """The tokens that it reports are not used."""
    example = replace(CREATE, path="/v1/messages/count_tokens", response={"input_tokens": 99, "usage": USAGE})
    assert PARSE(example.exchange()).tokens == NO_TOKENS
