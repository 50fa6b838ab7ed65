"""Whole exchanges with the Interactions API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Parsed
from gemtap.dialects.gemini_interactions.conversation import read
from tests.unit.providers.exchanges import INTERACTIONS, SSE, parse

USAGE = {
    "total_input_tokens": 9,
    "total_cached_tokens": 4,
    "total_output_tokens": 13,
    "total_thought_tokens": 220,
    "total_tool_use_tokens": 1,
    "total_tokens": 243,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 9}],
}
TOKENS = {"input": 9, "cached": 4, "cache_write": None, "output": 13, "reasoning": 220, "tool_use": 1, "total": 243}
ASKED = {"model": "gemini-2.5-flash", "input": "Tell me a joke.", "generation_config": {"temperature": 0.7}}
STEPS = [
    {"type": "thought", "signature": "s1"},
    {"type": "model_output", "content": [{"type": "text", "text": "Light attracts bugs!"}]},
]
ANSWER = {"id": "i", "status": "completed", "model": "gemini-2.5-flash", "usage": USAGE, "steps": STEPS}

CREATED = {"interaction": {"id": "i", "status": "in_progress", "model": "gemini-2.5-flash"}}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("interaction.created", CREATED),
    ("step.start", {"index": 0, "step": {"type": "thought"}}),
    ("step.delta", {"index": 0, "delta": {"type": "thought_signature", "signature": "s1"}}),
    ("step.start", {"index": 1, "step": {"type": "model_output"}}),
    ("step.delta", {"index": 1, "delta": {"type": "text", "text": "Light attracts"}}),
    ("step.delta", {"index": 1, "delta": {"type": "text", "text": " bugs!"}}),
    ("step.stop", {"index": 1}),
    ("interaction.completed", {"interaction": {"id": "i", "status": "completed", "usage": USAGE}}),
]
DONE = b"event: done\ndata: [DONE]\n\n"


def framed(*events: tuple[str, dict[str, Any]]) -> bytes:
    frames = (f"event: {name}\ndata: {json.dumps({**event, 'event_type': name})}\n\n" for name, event in events)
    return "".join(frames).encode()


def parse_events(body: bytes, **fields: Any) -> Parsed:
    return parse(path=INTERACTIONS, request=ASKED, content_type=SSE, response=body, **fields)


def parse_answer(answer: Any, request: Any = ASKED) -> Parsed:
    return parse(path=INTERACTIONS, request=request, response=answer)


EXPECTED: dict[str, Any] = {
    "operation": "interactions.create",
    "model": "gemini-2.5-flash",
    "model_version": "gemini-2.5-flash",
    "generation_settings": {"temperature": 0.7},
    "usage_metadata": USAGE,
    "tokens": TOKENS,
    "finish_reason": "completed",
}


def test_a_whole_answer() -> None:
    """All fields of a response without streaming are read."""
    assert parse_answer(ANSWER) == Parsed(**EXPECTED)


def test_a_stream_is_one_answer() -> None:
    """All fields of a stream are read as of one response."""
    parsed = parse_events(framed(*EVENTS) + DONE)
    assert parsed == Parsed(**EXPECTED, streaming=True, accumulated=ANSWER, first_token_end=len(framed(*EVENTS[:5])))


def test_streamed_thoughts_are_told_and_are_content() -> None:
    """Streamed thoughts are noted, and count as content."""
    thought = ("step.delta", {"index": 0, "delta": {"type": "thought_summary", "content": {"text": "Hm"}}})
    parsed = parse_events(framed(*EVENTS[:2], thought, *EVENTS[2:]))
    assert parsed.reasoning_streamed
    assert parsed.first_token_end == len(framed(*EVENTS[:2], thought))


def test_a_stream_that_ends_early_is_truncated_and_keeps_what_came() -> None:
    """An incomplete stream has an error, and keeps what arrived."""
    parsed = parse_events(framed(*EVENTS[:5]))
    assert parsed.error == {"message": "the stream ended without interaction.completed", "details": None}
    assert parsed.accumulated["steps"][1]["content"] == [{"type": "text", "text": "Light attracts"}]
    assert parsed.finish_reason is None


def test_why_a_stream_broke_off_is_told_by_the_outcome_alone() -> None:
    """A stream that broke off has no error of the API."""
    body = framed(*EVENTS)
    for cut in range(len(body) + 1):
        parsed = parse_events(body[:cut], whole=False)
        assert parsed.streaming
        assert parsed.error is None
        assert "Light attracts bugs!".startswith(preview_of(read(None, parsed.accumulated))["answer"] or "")


def test_an_error_event_is_told() -> None:
    """An error event is the error of the exchange."""
    error = {"code": "internal", "message": "Something broke"}
    parsed = parse_events(framed(*EVENTS[:5], ("error", {"error": error})) + DONE)
    assert parsed.error == {"message": "Something broke", "details": error}


def test_an_interaction_that_runs_in_the_background_is_not_finished() -> None:
    """A background interaction has neither a finish reason nor an error."""
    parsed = parse_answer({"id": "i", "status": "in_progress"}, {"agent": "deep-research", "input": "Dig."})
    assert (parsed.finish_reason, parsed.model, parsed.error, parsed.accumulated) == (None, None, None, None)


def test_one_that_is_fetched_later_is_read_the_same_way() -> None:
    """An interaction that is fetched later has the same fields."""
    parsed = parse(method="GET", path="/v1beta/interactions/abc", response=ANSWER)
    assert (parsed.operation, parsed.finish_reason, parsed.tokens) == ("interactions.get", "completed", TOKENS)
    assert parsed.model is None


TALK = [
    {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
    {"type": "model_output", "content": [{"type": "text", "text": "One moment."}]},
    {"type": "function_call", "name": "get_weather", "arguments": {}},
]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Tell me\na joke.", "Tell me a joke."),
        ({"type": "text", "text": "One content"}, "One content"),
        ([{"type": "text", "text": "Describe"}, {"type": "image", "mime_type": "image/png"}], "Describe"),
        (
            [{"type": "image", "mime_type": "image/png"}, {"type": "audio", "mime_type": "audio/wav"}],
            "[image/png], [audio/wav]",
        ),
        (TALK, "Weather?"),
        ([*TALK, {"type": "function_result", "name": "get_weather", "result": "blue"}], "⟵ get_weather"),
        ([*TALK, {"type": "function_result"}], "⟵ result"),
        ([{"role": "user", "content": "Hello"}, {"role": "model", "content": "Hi"}], "Hello"),
        (["Plain", "strings"], "Plain strings"),
        ([*TALK, {"type": "user_input", "content": [{"type": "unknown"}]}], "[unknown]"),
        ("", None),
        (None, None),
        ([], None),
        (7, None),
        ([None, {"content": None}, {"type": [], "role": {}}], None),
    ],
)
def test_the_prompt_is_the_last_that_was_said_to_the_model(asked: Any, shown: str | None) -> None:
    """The preview shows the last message to the model."""
    assert preview_of(read({"input": asked}, ANSWER))["prompt"] == shown


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([{"type": "model_output", "content": [{"type": "text", "text": "First line\nsecond"}]}], "First line"),
        ([{"type": "function_call", "name": "go", "arguments": {"to": "Boston"}}], 'go(to="Boston")'),
        ([{"type": "user_input", "content": [{"type": "text", "text": "mine"}]}], None),
        ([{"type": "model_output", "content": [None, {"type": "image"}]}, None], "[image/*]"),
        (None, None),
    ],
)
def test_the_answer_is_its_first_line_or_its_calls(steps: Any, shown: str | None) -> None:
    """The preview shows the first line of the answer, or its calls."""
    assert preview_of(read(None, {"status": "completed", "steps": steps}))["answer"] == shown
