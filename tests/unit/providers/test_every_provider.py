"""What holds for every provider: it reads whatever it is given."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.dialects.base import Message
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS
from tests.contract.test_providers import SUITES
from tests.unit.providers.exchanges import JSON, SSE, array, events, json_values, make_exchange

PATHS = {suite.provider.name: [each.path for each in suite.examples] for suite in SUITES}

NAMES = st.sampled_from(
    [
        # Gemini's, and what Code Assist puts around them
        *("request", "response", "candidates", "content", "contents", "parts", "text", "functionCall", "args", "error"),
        *("instances", "prompt", "usageMetadata", "index", "role", "model"),
        # OpenAI's
        *("messages", "choices", "delta", "message", "tool_calls", "function_call", "function", "arguments", "id"),
        *("logprobs", "usage", "completion_tokens_details", "reasoning_content", "input", "object"),
        # Anthropic's
        *(
            "content_block",
            "content_block_start",
            "content_block_delta",
            "message_start",
            "message_delta",
            "partial_json",
        ),
        *("thinking", "signature", "citations", "source", "cache_creation", "iterations", "stop_reason", "system"),
        # those of sessions
        *("setup", "clientContent", "turns", "turnComplete", "realtimeInput", "mediaChunks", "audio", "inlineData"),
        *("mimeType", "data", "toolResponse", "functionResponses", "serverContent", "modelTurn", "interrupted"),
        *("inputTranscription", "outputTranscription", "toolCall", "functionCalls", "thought"),
    ]
)
WORDS = st.sampled_from(["model", "user", "assistant", "tool", "{", "AAAA", "chat.completion.chunk"])

likely_json: st.SearchStrategy[Any] = st.recursive(
    WORDS | json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS.keys())
@given(data=st.data())
@many
def test_any_json_is_parsed_without_an_error(provider: ExchangeParser, data: st.DataObject) -> None:
    """Every provider parses any JSON without an error."""
    chunks = data.draw(st.lists(likely_json, max_size=3))
    exchange = make_exchange(
        path=data.draw(st.sampled_from(PATHS[provider.name])),
        request=data.draw(likely_json),
        status=data.draw(st.sampled_from([None, 200, 400])),
        content_type=data.draw(st.sampled_from([SSE, JSON])),
        response=data.draw(st.sampled_from([events(*chunks), array(*chunks), json.dumps(chunks[:1]).encode()])),
        whole=data.draw(st.booleans()),
    )
    assert provider.parse(exchange).operation != ""


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS.keys())
@given(sent=st.lists(st.tuples(st.sampled_from(["client", "server"]), likely_json), max_size=6))
@many
def test_any_session_is_parsed_without_an_error(provider: ExchangeParser, sent: list[Any]) -> None:
    """Every provider parses any session without an error."""
    messages = [Message(side, number, "", value) for number, (side, value) in enumerate(sent)]
    exchange = make_exchange(method="GET", path="/ws/a.b.BidiGenerateContent", status=101, content_type=None)
    assert provider.parse(replace(exchange, messages=messages)).operation != ""
