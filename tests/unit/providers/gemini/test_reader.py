"""Whole exchanges with the Gemini API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.dialects.base import Parsed
from gemtap.interaction import NO_TOKENS
from tests.unit.providers.exchanges import (
    GENERATE,
    INTERACTIONS,
    JSON,
    SSE,
    STREAM,
    array,
    call,
    candidate,
    events,
    json_values,
    parse,
    parse_stream,
    text,
)

ASKED = {
    "contents": [{"role": "user", "parts": [text("Why is the sky blue?")]}],
    "generationConfig": {"temperature": 0.5, "stopSequences": ["END"]},
}
USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}
UNAVAILABLE = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def test_a_whole_answer() -> None:
    """All fields of a response are read."""
    response = candidate(text("Rayleigh."), finishReason="STOP") | {
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-pro-002",
    }
    assert parse(request=ASKED, response=response) == Parsed(
        operation="generateContent",
        model="gemini-2.5-pro",
        model_version="gemini-2.5-pro-002",
        generation_settings={"temperature": 0.5, "stopSequences": ["END"]},
        usage_metadata=USAGE,
        tokens={**NO_TOKENS, "input": 7, "output": 2, "total": 9},
        finish_reason="STOP",
    )


CHUNKS = [
    candidate(text("", thoughtSignature="s1")) | {"usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}},
    candidate(text("Ray")) | {"modelVersion": "gemini-2.5-pro-002"},
    candidate(text("leigh."), finishReason="STOP") | {"usageMetadata": USAGE},
]


@pytest.mark.parametrize(
    ("content_type", "body", "first_token_end"),
    [
        (SSE, events(*CHUNKS), len(events(*CHUNKS[:2]))),
        (JSON, array(*CHUNKS), len(array(*CHUNKS[:2])) - 5),
        (None, array(*CHUNKS), len(array(*CHUNKS[:2])) - 5),
    ],
)
def test_a_stream_is_one_answer_in_either_framing(content_type: str | None, body: bytes, first_token_end: int) -> None:
    """Both framings of a stream give the same fields."""
    parsed = parse(path=STREAM, request=ASKED, content_type=content_type, response=body)
    assert parsed == Parsed(
        operation="streamGenerateContent",
        model="gemini-2.5-pro",
        model_version="gemini-2.5-pro-002",
        streaming=True,
        generation_settings=ASKED["generationConfig"],
        usage_metadata=USAGE,
        tokens={**NO_TOKENS, "input": 7, "output": 2, "total": 9},
        finish_reason="STOP",
        accumulated={
            "candidates": [
                {
                    "content": {"role": "model", "parts": [text("", thoughtSignature="s1"), text("Rayleigh.")]},
                    "finishReason": "STOP",
                }
            ],
            "usageMetadata": USAGE,
            "modelVersion": "gemini-2.5-pro-002",
        },
        first_token_end=first_token_end,
    )


def test_enums_as_integers_get_their_names() -> None:
    """The old Python SDK asks for `enum-encoding=int`; what was sent stays in the body."""
    parsed = parse(path=STREAM, response=array(candidate(text("a"), finishReason=2)))
    assert parsed.finish_reason == "MAX_TOKENS"
    assert parsed.accumulated["candidates"][0]["finishReason"] == 2


def test_streamed_thoughts_are_told() -> None:
    """Streamed thoughts are noted."""
    assert parse_stream(candidate(text("Hm", thought=True), text("a"), finishReason="STOP")).reasoning_streamed
    assert not parse_stream(candidate(text("a"), finishReason="STOP")).reasoning_streamed


def test_several_candidates_are_all_kept() -> None:
    """All candidates are kept."""
    parsed = parse_stream(
        {"candidates": [{"index": 1, "content": {"parts": [text("second")]}, "finishReason": "SAFETY"}]},
        {"candidates": [{"index": 0, "content": {"parts": [text("first")]}, "finishReason": "STOP"}]},
    )
    assert [each["index"] for each in parsed.accumulated["candidates"]] == [0, 1]
    assert (parsed.finish_reason, parsed.error) == ("STOP", None)


def test_a_stream_without_a_finish_reason_is_truncated_and_keeps_its_partial_text() -> None:
    """A stream without a finish reason is an error, and keeps its text."""
    parsed = parse_stream(candidate(text("It is so bec")))
    assert parsed.accumulated == candidate(text("It is so bec"))
    assert parsed.finish_reason is None
    assert parsed.error == {"message": "the stream ended without a finishReason", "details": None}


def test_one_candidate_that_is_not_finished_makes_a_stream_truncated() -> None:
    """One unfinished candidate makes a stream incomplete."""
    parsed = parse_stream(
        {"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1, "content": {"parts": [text("so bec")]}}]}
    )
    assert parsed.error == {"message": "the stream ended without a finishReason", "details": None}


@pytest.mark.parametrize("body", [events(*CHUNKS)[:-40], array(*CHUNKS)[:-40], b""])
def test_why_a_stream_broke_off_is_told_by_the_outcome_alone(body: bytes) -> None:
    """A stream that broke off has no error of the API."""
    parsed = parse(path=STREAM, content_type=SSE if body[:1] == b"d" else JSON, response=body, whole=False)
    assert (parsed.streaming, parsed.error) == (True, None)


@pytest.mark.parametrize("body", [b"", b"data: [DONE]\n\n", b"<html>"])
def test_a_stream_that_brought_nothing_has_no_accumulated_answer(body: bytes) -> None:
    """An empty stream has no accumulated response."""
    parsed = parse(path=STREAM, content_type=SSE, response=body)
    assert (parsed.streaming, parsed.accumulated) == (True, None)
    assert parsed.error == {"message": "the stream ended without a finishReason", "details": None}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (SSE, events(candidate(text("It is ")), UNAVAILABLE)),
        (SSE, events(candidate(text("It is "))) + json.dumps(UNAVAILABLE, indent=2).encode()),
        (JSON, array(candidate(text("It is ")), UNAVAILABLE)),
    ],
)
def test_an_error_mid_stream_is_told_and_the_text_before_it_kept(content_type: str, body: bytes) -> None:
    """An error in a stream keeps the earlier text."""
    parsed = parse(path=STREAM, content_type=content_type, response=body)
    assert parsed.error == {"message": "The model is overloaded.", "details": UNAVAILABLE["error"]}
    assert parsed.accumulated["candidates"] == candidate(text("It is "))["candidates"]


@pytest.mark.parametrize("path", [GENERATE, STREAM, INTERACTIONS, "/v1beta/openai/chat/completions"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [(JSON, UNAVAILABLE), (JSON, [UNAVAILABLE]), (SSE, UNAVAILABLE), (SSE, events(UNAVAILABLE))],
)
@pytest.mark.parametrize("status", [200, 503])
def test_an_error_is_read_in_every_wrapping(path: str, content_type: str, body: Any, status: int) -> None:
    """An error is read in each of its forms."""
    parsed = parse(path=path, status=status, content_type=content_type, response=body)
    assert parsed.error == {"message": "The model is overloaded.", "details": UNAVAILABLE["error"]}


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 7}}


@pytest.mark.parametrize(
    "parsed",
    [parse(response=BLOCKED), parse_stream(BLOCKED), parse(path=STREAM, response=array(BLOCKED))],
    ids=["whole", "events", "array"],
)
def test_a_blocked_prompt_is_an_error_and_its_usage_counts(parsed: Parsed) -> None:
    """A blocked prompt is an error with usage."""
    assert parsed.error == {"message": "prompt blocked: PROHIBITED_CONTENT", "details": BLOCKED["promptFeedback"]}
    assert parsed.tokens["input"] == 7


def test_counting_tokens_counts_none() -> None:
    """Counting is free: nobody has used these tokens yet."""
    parsed = parse(path="/v1beta/models/gemini-2.5-pro:countTokens", request=ASKED, response={"totalTokens": 31})
    assert parsed.tokens == NO_TOKENS
    assert (parsed.operation, parsed.usage_metadata) == ("countTokens", None)


def test_a_cache_is_made_for_the_model_in_the_body() -> None:
    """The model of a new cache is in the body."""
    usage = {"totalTokenCount": 5_000}
    parsed = parse(
        path="/v1beta/cachedContents",
        request={"model": "models/gemini-2.5-flash", "contents": ASKED["contents"]},
        response={"name": "cachedContents/x", "usageMetadata": usage},
    )
    assert (parsed.operation, parsed.model) == ("cachedContents.create", "gemini-2.5-flash")
    assert (parsed.usage_metadata, parsed.tokens["total"]) == (usage, 5_000)


def test_streams_of_other_shapes_are_streams_and_left_as_they_are() -> None:
    """Streams of other formats are not accumulated."""
    body = b'data: {"type": "response.created"}\n\ndata: [DONE]\n\n'
    parsed = parse(
        path="/v1beta/openai/responses",
        request={"model": "gemini-2.5-pro", "stream": True},
        content_type=SSE,
        response=body,
    )
    assert (parsed.operation, parsed.model) == ("openai.responses", "gemini-2.5-pro")
    assert (parsed.streaming, parsed.accumulated, parsed.error) == (True, None, None)


def test_a_stream_that_was_asked_for_but_answered_in_other_ways_is_none() -> None:
    """A plain response to a streaming request is no stream."""
    assert not parse(path=STREAM, status=None, content_type=None).streaming
    assert not parse(path=STREAM, content_type="text/html", response=b"<html>").streaming
    assert not parse(path=STREAM, response=UNAVAILABLE).streaming


def loosely(shape: Any) -> st.SearchStrategy[Any]:
    """The documented shape, in which any value may be anything."""
    match shape:
        case dict():
            built: st.SearchStrategy[Any] = st.fixed_dictionaries(
                {}, optional={k: loosely(v) for k, v in shape.items()}
            )
        case list():
            built = st.lists(st.one_of(*map(loosely, shape)), max_size=3)
        case _:
            built = st.just(shape)
    return st.one_of(built, built, built, json_values)


CHUNK = candidate(
    text("a", thought=True, thoughtSignature="s"),
    {"functionCall": {"name": "f", "args": {"a": 1}, "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}},
    {"functionCall": {"willContinue": True}},
    index=0,
    finishReason="STOP",
    groundingMetadata={"groundingChunks": [{"web": {"uri": "u"}}]},
    citationMetadata={"citations": [{"uri": "u"}]},
) | {"usageMetadata": USAGE, "modelVersion": "m", "promptFeedback": {"blockReason": 1}, "error": UNAVAILABLE["error"]}
EVENT = {
    "event_type": "step.delta",
    "index": 1,
    "interaction": {"id": "i", "status": "completed", "model": "m", "usage": {"total_tokens": 1}, "steps": [{}]},
    "step": {"type": "model_output", "content": [text("a", type="text")], "summary": [text("a", type="text")]},
    "delta": {
        "type": "text",
        "text": "a",
        "annotations": [{"start_index": 1}],
        "content": text("a", type="text"),
        "arguments": '{"a": 1}',
        "signature": "s",
    },
}
QUESTION = ASKED | {
    "model": "models/m",
    "generateContentRequest": ASKED,
    "requests": [{"content": ASKED["contents"]}],
    "input": [{"type": "user_input", "role": "user", "content": [text("a", type="text", mime_type="b")]}],
}
PATHS = [
    GENERATE,
    STREAM,
    INTERACTIONS,
    "/v1beta/models/m:countTokens",
    "/v1beta/models/m:embedContent",
    "/v1beta/models/m:batchEmbedContents",
    "/v1beta/models/m:predict",
    "/v1beta/openai/chat/completions",
    "/v1beta/cachedContents",
    "/v1beta/interactions/abc",
    "/upload/v1beta/files",
    "/v1beta/batches/b:cancel",
    "/nowhere",
]


def names(shape: Any) -> set[str]:
    match shape:
        case dict():
            return set(shape).union(*map(names, shape.values()))
        case list():
            return set().union(*map(names, shape))
        case _:
            return set()


known_names = st.sampled_from(sorted(names([CHUNK, EVENT, QUESTION])))
known_words = st.sampled_from(["$.a", "text", "thought_summary", "text_annotation_delta", "arguments_delta", "thought"])
likely_json: st.SearchStrategy[Any] = st.recursive(
    known_words | json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_names, inner, max_size=5),
    max_leaves=25,
)
any_json = st.one_of(loosely(CHUNK), loosely(EVENT), likely_json)
any_exchange = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST"]),
        "path": st.sampled_from(PATHS),
        "request": st.one_of(loosely(QUESTION), likely_json),
        "status": st.sampled_from([None, 200, 400]),
        "content_type": st.sampled_from([None, SSE, JSON]),
        "whole": st.booleans(),
    }
)
many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(exchange=any_exchange, response=any_json)
@many
def test_any_json_is_parsed_without_an_error(exchange: dict[str, Any], response: Any) -> None:
    """Any JSON is parsed without an error."""
    assert parse(**exchange, response=response).operation


@given(
    exchange=any_exchange,
    chunks=st.lists(any_json, max_size=4),
    frame=st.sampled_from([events, array]),
    at=st.floats(0.5, 1),
)
@many
def test_any_stream_torn_anywhere_is_parsed_without_an_error(
    exchange: dict[str, Any], chunks: list[Any], frame: Any, at: float
) -> None:
    """Any torn stream is parsed without an error."""
    body = frame(*chunks)
    parsed = parse(**exchange, response=body[: round(at * len(body))])
    assert parsed.first_token_end is None or 0 < parsed.first_token_end <= len(body)


@given(exchange=any_exchange, response=st.binary())
@many
def test_any_bytes_are_parsed_without_an_error(exchange: dict[str, Any], response: bytes) -> None:
    """Any bytes are parsed without an error."""
    assert parse(**exchange, response=response).operation


def test_a_stream_torn_at_any_byte_gives_the_beginning_of_its_text() -> None:
    """A torn stream gives the beginning of its text."""
    chunks = [
        candidate(text(word), **({"finishReason": "STOP"} if word == "!" else {})) for word in ["Grüße", " 😀", "!"]
    ]
    chunks.insert(1, candidate(call("look")))
    body = events(*chunks)
    for cut in range(len(body) + 1):
        parsed = parse(path=STREAM, content_type=SSE, response=body[:cut], whole=False)
        parts = (parsed.accumulated or candidate())["candidates"][0]["content"]["parts"]
        assert "Grüße 😀!".startswith("".join(part.get("text", "") for part in parts))
        assert parsed.error is None
