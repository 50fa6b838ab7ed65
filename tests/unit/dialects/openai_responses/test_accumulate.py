"""Responses put together from the events of their streams."""

from __future__ import annotations

from typing import Any

from gemtap.dialects.openai_responses.accumulate import accumulate, has_content, has_thoughts
from tests.contract.openai_examples import BEGUN, OUTPUT, PIECES, RESPONSE


def item(index: int, **fields: Any) -> dict[str, Any]:
    """The event with which an item begins."""
    return {"type": "response.output_item.added", "output_index": index, "item": fields}


def delta(kind: str, index: int, text: str, **others: int) -> dict[str, Any]:
    """A piece of a text."""
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": text, **others}


def test_the_last_event_has_the_whole_response() -> None:
    """What `response.completed` says stands."""
    assert accumulate([*PIECES, {"type": "response.completed", "response": RESPONSE}]) == RESPONSE


def test_a_stream_that_breaks_off_has_what_has_come() -> None:
    """The items are put together from their pieces, in the form that they have in a whole response."""
    whole = accumulate(list(PIECES))
    assert whole["output"] == OUTPUT
    assert whole["status"] == "in_progress"


def test_items_are_kept_if_the_last_event_lacks_them() -> None:
    """Some servers end a stream with a response without output."""
    done = {"type": "response.output_item.done", "output_index": 1, "item": OUTPUT[1]}
    end = {"type": "response.completed", "response": {**RESPONSE, "output": []}}
    assert accumulate([*PIECES, done, end]) == RESPONSE


def test_parallel_calls_are_kept_apart_by_index() -> None:
    """Pieces of two calls may come by turns."""
    whole = accumulate(
        [
            {"type": "response.created", "response": BEGUN},
            item(0, type="function_call", call_id="a", name="look", arguments=""),
            item(1, type="custom_tool_call", call_id="b", name="write", input=""),
            delta("function_call_arguments", 0, '{"x":'),
            delta("custom_tool_call_input", 1, "*** Begin"),
            delta("function_call_arguments", 0, " 1}"),
            delta("custom_tool_call_input", 1, " Patch"),
        ]
    )
    assert whole["output"] == [
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": '{"x": 1}'},
        {"type": "custom_tool_call", "call_id": "b", "name": "write", "input": "*** Begin Patch"},
    ]


def test_patches_and_commands_are_put_together() -> None:
    """Of tools that stand deeper in their items, if the stream breaks off before the items are whole."""
    shown = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    whole = accumulate(
        [
            item(0, type="apply_patch_call", operation={"type": "create_file", "path": "a.md", "diff": ""}),
            delta("apply_patch_call_operation_diff", 0, "+#"),
            delta("apply_patch_call_operation_diff", 0, " A\n"),
            item(1, type="shell_call", action={"commands": [], "timeout_ms": None}),
            {"type": "response.shell_call_command.added", "output_index": 1, "command_index": 0, "command": ""},
            delta("shell_call_command", 1, "ls", command_index=0),
            delta("shell_call_command", 1, "pwd", command_index=1),
            delta("shell_call_command", 1, " -l", command_index=0),
            item(2, type="shell_call_output", output=[]),
            {"type": "response.shell_call_output_content.done", "output_index": 2, "output": shown},
        ]
    )
    assert whole["output"] == [
        {"type": "apply_patch_call", "operation": {"type": "create_file", "path": "a.md", "diff": "+# A\n"}},
        {"type": "shell_call", "action": {"commands": ["ls -l", "pwd"], "timeout_ms": None}},
        {"type": "shell_call_output", "output": shown},
    ]


def test_an_item_that_is_whole_has_nothing_twice() -> None:
    """What came in pieces before is in it."""
    call = {"type": "shell_call", "action": {"commands": ["ls"]}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": call}
    assert accumulate([item(0, type="shell_call"), delta("shell_call_command", 0, "l"), done])["output"] == [call]


def test_code_annotations_and_refusals_are_put_together() -> None:
    """Pieces of code stand in the item, annotations and refusals in its parts."""
    whole = accumulate(
        [
            item(0, type="code_interpreter_call", code=""),
            delta("code_interpreter_call_code", 0, "print("),
            delta("code_interpreter_call_code", 0, "1)"),
            item(1, type="message", role="assistant", content=[]),
            delta("output_text", 1, "So.", content_index=0),
            {
                "type": "response.output_text.annotation.added",
                "output_index": 1,
                "content_index": 0,
                "annotation": {"type": "url_citation", "url": "https://x.example"},
            },
            delta("refusal", 1, "No.", content_index=1),
        ]
    )
    assert whole["output"][0]["code"] == "print(1)"
    assert whole["output"][1]["content"] == [
        {"type": "output_text", "text": "So.", "annotations": [{"type": "url_citation", "url": "https://x.example"}]},
        {"type": "refusal", "refusal": "No."},
    ]


def test_sound_is_put_together_beside_the_items() -> None:
    """Sound and its transcript have no item."""
    events = [
        {"type": "response.audio.delta", "delta": "AAAA"},
        {"type": "response.audio.transcript.delta", "delta": "Hel"},
        {"type": "response.audio.transcript.delta", "delta": "lo"},
    ]
    assert accumulate(events)["audio"] == {"data": "AAAA", "transcript": "Hello"}


def test_first_content_and_thoughts_are_told_apart() -> None:
    """Empty pieces and events about the state are no content."""
    assert has_content(delta("output_text", 0, "x"))
    assert not has_content(delta("output_text", 0, ""))
    assert not has_content({"type": "response.created", "response": BEGUN})
    assert has_thoughts(delta("reasoning_summary_text", 0, "x"))
    assert not has_thoughts(delta("output_text", 0, "x"))
