"""Fields of one request or response."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.dialects.common_fields import read_error
from gemtap.dialects.gemini_content.fields import (
    all_finished,
    read_blocked_prompt,
    read_created_cache_tokens,
    read_finish_reason,
    read_generation_settings,
    read_tokens,
)
from gemtap.interaction import NO_TOKENS


def test_tokens_of_a_model_that_counts_its_thoughts_beside_its_answer() -> None:
    """Reasoning tokens that are counted separately are not output tokens."""
    usage = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 80,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 5,
        "totalTokenCount": 155,
    }
    assert read_tokens(usage) == {
        "input": 100,
        "cached": 80,
        "cache_write": None,
        "output": 20,
        "reasoning": 30,
        "tool_use": 5,
        "total": 155,
    }


def test_tokens_of_a_new_cache_are_written_to_it() -> None:
    """Creating a cache writes its tokens; no model reads them as input yet."""
    assert read_created_cache_tokens({"totalTokenCount": 4096}) == {**NO_TOKENS, "cache_write": 4096, "total": 4096}
    assert read_created_cache_tokens(None) == NO_TOKENS


def test_tokens_of_a_model_that_counts_its_thoughts_among_its_answer() -> None:
    """`output` excludes `reasoning` whichever way the model counts: the sum is the total."""
    usage = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 50,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 5,
        "totalTokenCount": 155,
    }
    tokens = read_tokens(usage)
    assert (tokens["output"], tokens["reasoning"]) == (20, 30)
    assert sum(tokens[name] or 0 for name in ("input", "output", "reasoning", "tool_use")) == tokens["total"]


def test_more_thoughts_than_answer_do_not_make_a_negative_count() -> None:
    """A token count is never negative."""
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 3}
    assert read_tokens(usage)["output"] == 0


def test_the_live_api_calls_its_answers_tokens_by_another_name() -> None:
    """The Live API's `responseTokenCount` is read."""
    usage = {"promptTokenCount": 1, "responseTokenCount": 2, "totalTokenCount": 3}
    assert read_tokens(usage) == {**NO_TOKENS, "input": 1, "output": 2, "total": 3}


def test_thoughts_of_a_live_session_are_no_part_of_its_answer() -> None:
    """Its total leaves them out, and so says nothing of where they are counted."""
    usage = {"promptTokenCount": 417, "responseTokenCount": 74, "totalTokenCount": 491, "thoughtsTokenCount": 77}
    tokens = read_tokens(usage)
    assert (tokens["output"], tokens["reasoning"]) == (74, 77)


def test_counted_tokens_are_no_usage() -> None:
    """The answer of countTokens says how long a prompt is; the model has read nothing."""
    counted = {"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]}
    assert read_tokens(counted) == NO_TOKENS


@pytest.mark.parametrize(
    "usage",
    [None, [], "x", {}, {"promptTokenCount": "7"}, {"promptTokenCount": True}, {"promptTokenCount": -1}],
)
def test_what_is_no_count_is_not_known(usage: Any) -> None:
    """Invalid counts are None."""
    assert read_tokens(usage) == NO_TOKENS


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "STOP"),
        ("A_NEW_REASON", "A_NEW_REASON"),
        (1, "STOP"),
        (2, "MAX_TOKENS"),
        (8, "PROHIBITED_CONTENT"),
        (12, "UNEXPECTED_TOOL_CALL"),
        (99, "99"),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_a_finish_reason_has_a_name_even_where_enums_came_as_integers(reason: Any, expected: str | None) -> None:
    """Integer enums of finish reasons get their names."""
    assert read_finish_reason({"candidates": [{"finishReason": reason}, {"finishReason": "OTHER"}]}) == expected


@pytest.mark.parametrize("response", [None, [], {}, {"candidates": []}, {"candidates": [None]}, {"candidates": {}}])
def test_without_a_candidate_there_is_no_finish_reason(response: Any) -> None:
    """Without a candidate, the finish reason is None."""
    assert read_finish_reason(response) is None
    assert not all_finished(response)


def test_every_candidate_has_to_be_finished() -> None:
    """A response is finished only if all candidates are."""
    done: dict[str, Any] = {"finishReason": "STOP"}
    assert all_finished({"candidates": [done, done]})
    assert not all_finished({"candidates": [done, {}]})


ERROR = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "x"}]}


@pytest.mark.parametrize("response", [{"error": ERROR}, [{"error": ERROR}]])
def test_an_error_is_read_bare_and_out_of_an_array(response: Any) -> None:
    """An error is read alone and within an array."""
    assert read_error(response) == {"message": "Quota exceeded", "details": ERROR}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("no such thing", "no such thing"),
        ({"status": "INTERNAL"}, "INTERNAL"),
        ({"message": "", "status": 7}, "error"),
        ([1], "error"),
    ],
)
def test_an_error_of_another_shape_says_what_it_can(error: Any, message: str) -> None:
    """An error of another shape still has a message."""
    assert read_error({"error": error}) == {"message": message, "details": error}


@pytest.mark.parametrize("response", [None, {}, {"error": None}, {"error": {}}, [], [7], "error", [[{"error": ERROR}]]])
def test_no_error_is_none(response: Any) -> None:
    """A response without an error has None."""
    assert read_error(response) is None


@pytest.mark.parametrize(("reason", "name"), [("SAFETY", "SAFETY"), (4, "PROHIBITED_CONTENT"), (77, "77")])
def test_a_blocked_prompt_is_an_error(reason: Any, name: str) -> None:
    """A blocked prompt is an error."""
    feedback = {"blockReason": reason, "safetyRatings": []}
    assert read_blocked_prompt({"promptFeedback": feedback}) == {
        "message": f"prompt blocked: {name}",
        "details": feedback,
    }


@pytest.mark.parametrize(
    "response",
    [
        None,
        {},
        {"promptFeedback": {"safetyRatings": []}},
        {"promptFeedback": {"blockReason": "SAFETY"}, "candidates": [{}]},
    ],
)
def test_a_prompt_that_was_answered_is_not_blocked(response: Any) -> None:
    """A prompt with an answer is not blocked."""
    assert read_blocked_prompt(response) is None


@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
def test_generation_settings_are_read_as_they_were_sent(name: str) -> None:
    """Generation settings are returned as they were sent."""
    assert read_generation_settings({name: {"temperature": 0.5, "topK": 1}}) == {"temperature": 0.5, "topK": 1}


@pytest.mark.parametrize("request_body", [None, {}, [], "x"])
def test_no_generation_settings_are_none(request_body: Any) -> None:
    """Missing generation settings are None."""
    assert read_generation_settings(request_body) is None
