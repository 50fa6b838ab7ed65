"""Streams of the Messages API, put together."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.dialects.anthropic_messages.accumulate import accumulate, accumulate_completion, has_content
from tests.contract.anthropic_examples import EVENTS, MESSAGE, delta

START = {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {"input_tokens": 9}}}


def block(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def test_a_stream_is_the_message_without_streaming() -> None:
    """Text, thinking, signature, input of a call and cumulative usage add up to the whole message."""
    assert accumulate(list(EVENTS)) == MESSAGE


def test_usage_that_the_last_event_lacks_stays() -> None:
    """Counts of `message_delta` replace those of `message_start`; a missing or null count replaces none."""
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
    null = {"type": "message_delta", "usage": {"input_tokens": None, "output_tokens": 8}}
    assert accumulate([START, end, null])["usage"] == {"input_tokens": 9, "output_tokens": 8}


def test_input_that_is_no_json_stays_text() -> None:
    """Fine-grained streaming of tools does not wait for valid JSON."""
    events = [
        block(0, type="tool_use", id="t", name="n", input={}),
        delta(0, "input_json_delta", partial_json='{"a": '),
    ]
    assert accumulate(events)["content"] == [{"type": "tool_use", "id": "t", "name": "n", "input": '{"a": '}]


def test_a_call_without_input_keeps_the_empty_one() -> None:
    """Tools without parameters get an empty delta."""
    events = [block(0, type="tool_use", id="t", name="n", input={}), delta(0, "input_json_delta", partial_json="")]
    assert accumulate(events)["content"][0]["input"] == {}


def test_citations_are_collected_in_their_text() -> None:
    """Each citation comes in a delta of its own."""
    events = [
        block(0, type="text", text="", citations=None),
        delta(0, "citations_delta", citation={"cited_text": "a"}),
        delta(0, "text_delta", text="So."),
        delta(0, "citations_delta", citation={"cited_text": "b"}),
    ]
    assert accumulate(events)["content"] == [
        {"type": "text", "text": "So.", "citations": [{"cited_text": "a"}, {"cited_text": "b"}]}
    ]


@pytest.mark.parametrize(
    "whole",
    [
        {"type": "redacted_thinking", "data": "Enc=="},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result", "url": "u"}]},
        {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "1", "return_code": 0}},
        {"type": "mcp_tool_result", "tool_use_id": "s", "is_error": False, "content": []},
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        {"type": "of_the_future", "anything": [1]},
    ],
)
def test_blocks_that_come_whole_stay_as_they_are(whole: dict[str, Any]) -> None:
    """Results of server tools, encrypted thinking and unknown blocks have no deltas."""
    assert accumulate([block(0, **whole), {"type": "content_block_stop", "index": 0}])["content"] == [whole]


def test_a_compaction_and_the_container_are_in_the_message() -> None:
    """A compaction comes in one delta; the container and context management come with the last event."""
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "compaction", "container": {"id": "c"}},
        "context_management": {"applied_edits": []},
        "usage": {"output_tokens": 1},
    }
    message = accumulate(
        [START, block(0, type="compaction", content=None), delta(0, "compaction_delta", content="S"), end]
    )
    assert message["content"] == [{"type": "compaction", "content": "S"}]
    assert (message["container"], message["stop_reason"]) == ({"id": "c"}, "compaction")
    assert message["context_management"] == {"applied_edits": []}


def test_blocks_of_the_first_event_are_in_the_message() -> None:
    """Where the model's own code goes on, its results and the next call are there before anything is sampled."""
    begun = [
        {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "1"}},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"id": 7}, "caller": {"tool_id": "s"}},
    ]
    start = {"type": "message_start", "message": {"content": begun, "stop_reason": "tool_use"}}
    assert accumulate([start, {"type": "message_stop"}])["content"] == begun
    text = [block(2, type="text", text=""), delta(2, "text_delta", text="So.")]
    assert accumulate([start, *text])["content"] == [*begun, {"type": "text", "text": "So."}]
    assert has_content(start)


def test_a_message_is_that_of_the_model_that_took_over() -> None:
    """The first event names the model that has declined; without streaming only the other one is named."""
    start = {"type": "message_start", "message": {"model": "claude-fable-5", "content": []}}
    fallback = {"type": "fallback", "from": {"model": "claude-fable-5"}, "to": {"model": "claude-opus-4-8"}}
    whole = accumulate([start, block(0, **fallback), block(1, type="text", text="")])
    assert (whole["model"], whole["content"][0]) == ("claude-opus-4-8", fallback)
    assert not has_content(block(0, **fallback))


def test_a_stream_that_begins_in_the_middle_is_read() -> None:
    """A capture may lack the beginning of a block."""
    assert accumulate([delta(3, "text_delta", text="rest")])["content"] == [{"text": "rest"}]


def test_completions_are_joined() -> None:
    """The legacy API sends its text in pieces, and the stop reason with the last."""
    first = {"type": "completion", "completion": " So", "stop_reason": None, "model": "claude-2.1"}
    last = {"type": "completion", "completion": ".", "stop_reason": "stop_sequence", "model": "claude-2.1"}
    whole = accumulate_completion([first, {"type": "ping"}, last])
    assert (whole["completion"], whole["stop_reason"]) == (" So.", "stop_sequence")


@pytest.mark.parametrize(
    ("event", "brings"),
    [
        (EVENTS[0], False),
        (block(0, type="text", text=""), False),
        (block(0, type="tool_use", id="t", name="n", input={}), True),
        (delta(0, "thinking_delta", thinking="H"), True),
        (delta(0, "input_json_delta", partial_json=""), False),
        (delta(0, "signature_delta", signature="s"), False),
        ({"type": "completion", "completion": " So"}, True),
    ],
)
def test_the_first_token_is_the_first_content(event: dict[str, Any], brings: bool) -> None:
    """Headings of blocks and signatures are no tokens."""
    assert has_content(event) is brings
