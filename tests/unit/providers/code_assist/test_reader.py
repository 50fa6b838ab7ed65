"""Exchanges with Code Assist: Gemini's shapes, wrapped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.conversation.model import Message, Text
from gemtap.dialects.base import Parsed
from gemtap.interaction import NO_TOKENS
from gemtap.providers.code_assist.reader import CodeAssistReader
from gemtap.providers.google.code_assist import read_operation
from gemtap.providers.registry import PROVIDERS
from tests.unit.providers.exchanges import JSON, SSE, array, candidate, events, json_values, make_exchange, text

STREAM = "/v1internal:streamGenerateContent"
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
ASKED: dict[str, Any] = {
    "model": "gemini-2.5-pro",
    "project": "my-project",
    "user_prompt_id": "abc########0",
    "request": {
        "contents": [{"role": "user", "parts": [text("Why is the sky blue?")]}],
        "generationConfig": {"temperature": 0},
        "session_id": "s",
    },
}
CHUNKS: list[dict[str, Any]] = [
    {"response": candidate(text("Ray")) | {"modelVersion": "gemini-2.5-pro"}, "traceId": "t1"},
    {"response": candidate(text("leigh."), finishReason="STOP") | {"usageMetadata": USAGE}, "traceId": "t1"},
    {"response": {}, "consumedCredits": [{"creditAmount": "1"}], "remainingCredits": None},
]
RESPONSE = candidate(text("Rayleigh."), finishReason="STOP") | {
    "modelVersion": "gemini-2.5-pro",
    "usageMetadata": USAGE,
}
EXPECTED: dict[str, Any] = {
    "model": "gemini-2.5-pro",
    "model_version": "gemini-2.5-pro",
    "generation_settings": {"temperature": 0},
    "usage_metadata": USAGE,
    "tokens": {**NO_TOKENS, "input": 3, "output": 2, "total": 5},
    "finish_reason": "STOP",
}


def parse(**fields: Any) -> Parsed:
    return PROVIDERS["code_assist"].parse(make_exchange(**fields))


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        *(
            ("POST", f"/v1internal:{verb}", verb)
            for verb in (
                *("generateContent", "streamGenerateContent", "countTokens", "loadCodeAssist", "onboardUser"),
                *("retrieveUserQuota", "listExperiments", "recordCodeAssistMetrics", "setCodeAssistGlobalUserSetting"),
            )
        ),
        ("GET", "/v1internal:getCodeAssistGlobalUserSetting", "getCodeAssistGlobalUserSetting"),
        ("POST", "//v1internal%3AloadCodeAssist", "loadCodeAssist"),
        ("GET", "/v1internal/operations/abc", "operations.get"),
        ("GET", "/v1internal/operations", "operations.list"),
        ("POST", "/v1internal/operations/abc:cancel", "operations.cancel"),
    ],
)
def test_the_operations(method: str, path: str, operation: str) -> None:
    """Paths have their operations."""
    assert read_operation(method, path) == operation


@pytest.mark.parametrize("path", ["", "/", "/v1internal", "/v1internal:", "/v1internal:<b>", "/v2internal:x", "/a/b"])
def test_what_is_not_of_the_surface_is_unknown(path: str) -> None:
    """Other paths have an unknown operation."""
    assert read_operation("POST", path) == "unknown"
    assert read_operation("BREW", "/v1internal/operations/abc") == "unknown"


def test_a_whole_answer_is_unwrapped() -> None:
    """A response is read from its envelope."""
    parsed = parse(path="/v1internal:generateContent", request=ASKED, response={"response": RESPONSE, "traceId": "t1"})
    assert parsed == Parsed(operation="generateContent", **EXPECTED)


@pytest.mark.parametrize(
    ("content_type", "body", "first_token_end"),
    [
        (SSE, events(*CHUNKS), len(events(CHUNKS[0]))),
        (JSON, array(*CHUNKS), len(array(CHUNKS[0])) - len("\r\n]\r\n")),
    ],
)
def test_a_stream_is_unwrapped_and_put_together_in_its_wrapping(
    content_type: str, body: bytes, first_token_end: int
) -> None:
    """A stream is accumulated in one envelope."""
    parsed = parse(path=STREAM, request=ASKED, content_type=content_type, response=body)
    assert parsed == Parsed(
        operation="streamGenerateContent",
        **EXPECTED,
        streaming=True,
        accumulated={
            "response": RESPONSE,
            "traceId": "t1",
            "consumedCredits": [{"creditAmount": "1"}],
            "remainingCredits": None,
        },
        first_token_end=first_token_end,
    )


def test_tokens_are_counted_for_the_model_that_the_inner_request_names() -> None:
    """The model is known; counting itself uses nothing."""
    request = {"request": {"model": "models/gemini-2.5-flash", "contents": ASKED["request"]["contents"]}}
    parsed = parse(path="/v1internal:countTokens", request=request, response={"totalTokens": 9})
    assert (parsed.model, parsed.tokens) == ("gemini-2.5-flash", NO_TOKENS)
    assert parsed.preview["prompt"] == "Why is the sky blue?"


def test_what_is_not_wrapped_is_read_as_it_is() -> None:
    """Bodies without an envelope are read."""
    assert (
        parse(path="/v1internal:loadCodeAssist", request={"metadata": {}}, response={"currentTier": {}}).error is None
    )
    bare = candidate(text("So."), finishReason="STOP")
    assert parse(path=STREAM, content_type=SSE, response=events(bare)).accumulated == bare


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]])
def test_an_error_is_an_error(wrap: Any) -> None:
    """An error response is read."""
    error = {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}}
    parsed = parse(path=STREAM, request=ASKED, status=429, response=wrap(error))
    assert parsed.error == {"message": "Quota exceeded.", "details": error["error"]}
    assert (parsed.streaming, parsed.accumulated) == (False, None)


def test_an_error_in_the_stream_is_an_error_beside_what_came_before_it() -> None:
    """An error in a stream keeps the earlier chunks."""
    error = {"error": {"code": 500, "message": "Internal error."}}
    parsed = parse(path=STREAM, content_type=SSE, response=events(CHUNKS[0], error))
    assert parsed.error == {"message": "Internal error.", "details": error["error"]}
    assert parsed.accumulated["response"]["candidates"] == CHUNKS[0]["response"]["candidates"]


def test_a_blocked_prompt_is_an_error() -> None:
    """A blocked prompt is an error."""
    blocked = {"response": {"promptFeedback": {"blockReason": "SAFETY"}}}
    assert parse(path="/v1internal:generateContent", response=blocked).error == {
        "message": "prompt blocked: SAFETY",
        "details": {"blockReason": "SAFETY"},
    }


@given(
    request=json_values | st.fixed_dictionaries({"request": json_values, "model": json_values}),
    chunks=st.lists(json_values | st.fixed_dictionaries({"response": json_values, "traceId": json_values}), max_size=3),
    content_type=st.sampled_from([SSE, JSON]),
)
def test_any_json_is_parsed_without_an_error(request: Any, chunks: list[Any], content_type: str) -> None:
    """Any JSON is parsed without an error."""
    for response in (events(*chunks), array(*chunks), *chunks[:1]):
        assert parse(path=STREAM, request=request, content_type=content_type, response=response).operation


def test_a_conversation_is_read_out_of_both_envelopes() -> None:
    """Code Assist wraps the request and the answer of the Gemini API."""
    request = {"model": "m", "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}
    response = {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Ho"}]}}]}}
    dialect = CodeAssistReader().dialect("generateContent", is_session=False)
    conversation = dialect.conversation("generateContent", request, response)
    assert conversation is not None
    assert conversation.messages == (Message("user", (Text("Hi"),)), Message("model", (Text("Ho"),)))
