"""What the events of a streamed interaction amount to."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from gemtap.dialects.gemini_interactions.accumulate import accumulate


def start(index: int, type_: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "step.start", "index": index, "step": {"type": type_, **fields}}


def delta(index: int, type_: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "step.delta", "index": index, "delta": {"type": type_, **fields}}


def stop(index: int, **fields: Any) -> dict[str, Any]:
    return {"event_type": "step.stop", "index": index, **fields}


def words(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **fields}


def steps(*events: Any) -> Any:
    return accumulate(list(events))["steps"]


def test_steps_are_put_together_by_index() -> None:
    """Deltas are added to the step with their index."""
    got = steps(
        start(1, "model_output"),
        delta(1, "text", text="It is "),
        start(0, "thought"),
        delta(0, "thought_signature", signature="s1"),
        delta(1, "text", text="so."),
        stop(0),
        stop(1),
    )
    assert got == [{"type": "thought", "signature": "s1"}, {"type": "model_output", "content": [words("It is so.")]}]


def test_the_interaction_is_the_last_that_the_events_say_of_it() -> None:
    """Later events override fields of the interaction."""
    created = {"event_type": "interaction.created", "interaction": {"id": "i", "status": "in_progress", "model": "m"}}
    update = {"event_type": "interaction.status_update", "interaction_id": "i", "status": "requires_action"}
    completed = {
        "event_type": "interaction.completed",
        "interaction": {"id": "i", "status": "completed", "model": None, "usage": {"total_tokens": 9}},
    }
    assert accumulate([created]) == {"id": "i", "status": "in_progress", "model": "m"}
    assert accumulate([created, update])["status"] == "requires_action"
    assert accumulate([created, update, stop(0, usage={"total_tokens": 5}), completed]) == {
        "id": "i",
        "status": "completed",
        "model": "m",
        "usage": {"total_tokens": 9},
    }


def test_usage_that_came_before_a_break_is_kept() -> None:
    """Usage before a break of the stream is kept."""
    assert accumulate([start(0, "thought"), stop(0, usage={"total_tokens": 5})])["usage"] == {"total_tokens": 5}


def test_steps_that_the_api_sends_whole_at_the_end_are_its_last_word() -> None:
    """Complete steps at the end replace accumulated ones."""
    whole = [{"type": "model_output", "content": [words("It is so.")]}]
    completed = {"interaction": {"status": "completed", "steps": whole}}
    assert steps(start(0, "model_output"), delta(0, "text", text="It is"), completed) == whole


def test_text_goes_on_only_in_plain_text_that_is_last() -> None:
    """Text is appended only to a plain text at the end."""
    image = {"mime_type": "image/png", "data": "AAAA"}
    got = steps(
        start(0, "model_output", content=[words("See")]),
        delta(0, "text", text=": "),
        delta(0, "image", **image),
        delta(0, "text", text="That "),
        delta(0, "text", text="was it."),
        delta(0, "text", text="!", extra=1),
    )
    contents = [words("See: "), {"type": "image", **image}, words("That was it."), words("!", extra=1)]
    assert got == [{"type": "model_output", "content": contents}]


def test_annotations_belong_to_the_text_before_them() -> None:
    """Annotations are added to the text before them."""
    first, second = {"type": "url_citation", "url": "https://a"}, {"type": "url_citation", "url": "https://b"}
    got = steps(
        delta(0, "text", text="It is"),
        delta(0, "text_annotation_delta", annotations=[first]),
        delta(0, "text", text=" so."),
        delta(0, "text_annotation_delta", annotations=[second]),
    )
    assert got == [{"content": [words("It is so.", annotations=[first, second])]}]


@pytest.mark.parametrize("before", [[], [delta(0, "image", data="AAAA")]])
def test_annotations_without_a_text_are_kept(before: list[Any]) -> None:
    """Annotations without a text are kept."""
    got = steps(*before, delta(0, "text_annotation_delta", annotations=[{"url": "https://a"}]))
    assert got[0]["content"][-1] == words("", annotations=[{"url": "https://a"}])


def test_summaries_of_thoughts_are_joined() -> None:
    """Summaries of thoughts are joined."""
    got = steps(
        start(0, "thought"),
        delta(0, "thought_summary", content=words("Let me ")),
        delta(0, "thought_summary", content=words("think.")),
        delta(0, "thought_signature", signature="s1"),
    )
    assert got == [{"type": "thought", "summary": [words("Let me think.")], "signature": "s1"}]


def test_arguments_of_a_call_are_joined_and_read() -> None:
    """Pieces of arguments are joined and parsed."""
    got = steps(
        start(0, "function_call", id="c1", name="go", arguments={}),
        delta(0, "arguments_delta", arguments='{"to": "Bos'),
        delta(0, "arguments_delta", arguments='ton"}'),
    )
    assert got == [{"type": "function_call", "id": "c1", "name": "go", "arguments": {"to": "Boston"}}]


def test_arguments_that_broke_off_stay_text() -> None:
    """Incomplete arguments stay text."""
    got = steps(start(0, "function_call", name="go"), delta(0, "arguments_delta", arguments='{"to": "Bos'))
    assert got == [{"type": "function_call", "name": "go", "arguments": '{"to": "Bos'}]


def test_calls_and_results_of_built_in_tools_are_taken_over_field_by_field() -> None:
    """Calls and results of built-in tools keep their fields."""
    got = steps(
        start(0, "google_search_call"),
        delta(0, "google_search_call", id="g1", arguments={"queries": ["sky"]}, signature="s1"),
        start(1, "code_execution_result"),
        delta(1, "code_execution_result", result="1\n", is_error=False, call_id="g2"),
    )
    assert got == [
        {"type": "google_search_call", "id": "g1", "arguments": {"queries": ["sky"]}, "signature": "s1"},
        {"type": "code_execution_result", "result": "1\n", "is_error": False, "call_id": "g2"},
    ]


def test_events_of_other_shapes_add_nothing() -> None:
    """Events of unknown shapes are ignored."""
    assert accumulate([None, 7, [], {}, {"interaction": 1, "step": 2, "delta": 3}]) == {}
    assert steps(start(0, "model_output", content="x"), delta(0, "text", text="It")) == [
        {"type": "model_output", "content": [words("It")]}
    ]
    assert steps(delta(0, "arguments_delta", arguments=None)) == [{"arguments": None}]


def test_accumulating_leaves_the_events_as_they_are() -> None:
    """Accumulating does not modify the events."""
    events = [
        start(0, "model_output", content=[words("See")]),
        delta(0, "text", text=" it"),
        delta(0, "text_annotation_delta", annotations=[{"url": "https://a"}]),
        delta(0, "text", text="."),
    ]
    before = copy.deepcopy(events)
    once = json.dumps(accumulate(events))
    assert events == before
    assert json.dumps(accumulate(events)) == once
