"""Conversations of the Responses API."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.model import Call, Grounding, Media, Message, Other, Part, Result, Text, Thought
from gemtap.dialects.openai_responses.conversation import read, read_outcome
from tests.contract.openai_examples import RESPONSE


def prompt(*items: Any) -> tuple[Message, ...]:
    """The prompt of a request with these items."""
    return read({"input": list(items)}, None).prompt


def test_an_input_may_be_a_text() -> None:
    """It is the user's message."""
    assert read({"input": "Hi"}, None).prompt == (Message("user", (Text("Hi"),)),)


def test_instructions_and_messages_of_the_system_are_the_system() -> None:
    """They are no messages of the prompt."""
    found = read(
        {
            "instructions": "One.",
            "input": [{"role": "developer", "content": "Two."}, {"role": "user", "content": "Hi"}],
        },
        None,
    )
    assert found.system == "One.\nTwo."
    assert found.prompt == (Message("user", (Text("Hi"),)),)


def test_items_of_the_model_in_a_row_are_one_message() -> None:
    """Thoughts, texts and calls of one answer are items of their own in the next request."""
    assert prompt(
        {"role": "user", "content": "Look."},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "abc"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"at": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": '{"seen": true}'},
    ) == (
        Message("user", (Text("Look."),)),
        Message("model", (Thought("Hm."), Text("I look."), Call("look", {"at": 1}, "c"))),
        Message("tool", (Result({"seen": True}, None, "c"),)),
    )


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"},
            Call("apply_patch", "*** Begin", "c"),
        ),
        (
            {"type": "local_shell_call", "call_id": "c", "action": {"command": ["ls"]}},
            Call("local_shell", {"command": ["ls"]}, "c"),
        ),
        (
            {"type": "computer_call", "call_id": "c", "action": {"type": "click"}},
            Call("computer", {"type": "click"}, "c"),
        ),
        (
            {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "q"}},
            Other(
                "web_search_call", {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "q"}}
            ),
        ),
        ({"type": "image_generation_call", "result": "AAAA"}, Media("image/png", base64="AAAA")),
        (
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "All of it."}], "summary": []},
            Thought("All of it."),
        ),
        (
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            Thought("", sealed="gAAA", form="openai_responses"),
        ),
    ],
)
def test_what_the_model_puts_out(item: dict[str, Any], part: Part) -> None:
    """Calls that the client answers are calls, and what the API itself ran is kept as it is."""
    assert read({}, {"output": [item]}).answer == Message("model", (part,))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"type": "input_image", "image_url": "data:image/gif;base64,AAAA"}, Media("image/gif", base64="AAAA")),
        ({"type": "input_image", "file_id": "file-1"}, Media("image/*", uri="file-1")),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            Media("application/pdf", base64="AAAA"),
        ),
        (
            {"type": "input_file", "file_url": "https://x.example/a"},
            Media("application/octet-stream", uri="https://x.example/a"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Media("audio/mp3", base64="AAAA"),
        ),
    ],
)
def test_media_of_messages(content: dict[str, Any], part: Media) -> None:
    """Images, files and sound are media, inside the message or elsewhere."""
    assert prompt({"role": "user", "content": [content]}) == (Message("user", (part,)),)


def test_a_tool_may_give_back_pictures() -> None:
    """A screenshot is a medium of the result."""
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}
    (message,) = prompt({"type": "computer_call_output", "call_id": "c", "output": shot})
    assert message == Message("tool", (Result(None, None, "c", (Media("image/png", base64="AAAA"),)),))


def test_citations_stand_beside_the_text() -> None:
    """Annotations are what an answer is based on."""
    content = [
        {
            "type": "output_text",
            "text": "So.",
            "annotations": [{"type": "url_citation", "url": "https://x.example", "title": "X"}],
        }
    ]
    answer = read({}, {"output": [{"type": "message", "role": "assistant", "content": content}]}).answer
    assert answer is not None
    assert isinstance(answer.parts[1], Grounding)
    assert answer.parts[1].sources[0].uri == "https://x.example"


def test_tools_are_declared_or_built_in() -> None:
    """Functions, custom tools and those of a namespace are the client's."""
    tools = [
        {"type": "function", "name": "look", "parameters": {"type": "object"}},
        {"type": "custom", "name": "patch", "format": {"type": "grammar"}},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "inner"}]},
        {"type": "web_search", "filters": None},
    ]
    found = read({"tools": tools}, None)
    assert [tool.name for tool in found.tools] == ["look", "patch", "inner"]
    assert [tool.name for tool in found.built_in] == ["web_search"]


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_a_conversation_holds_its_turns(conversation: Any) -> None:
    """Later turns find it by the conversation's id, and by the response's."""
    found = read({"input": "Hi", "conversation": conversation}, RESPONSE)
    assert (found.id, found.previous, found.held_in) == ("resp_1", "conv_1", "conv_1")


def test_a_response_goes_on_from_the_one_before() -> None:
    """`previous_response_id` names it."""
    found = read({"input": "And?", "previous_response_id": "resp_0"}, RESPONSE)
    assert (found.id, found.previous, found.held_in) == ("resp_1", "resp_0", None)


def test_a_look_up_continues_what_it_looks_up() -> None:
    """Later turns find it by the same id. One that has not ended says nothing."""
    found = read_outcome(RESPONSE)
    assert found is not None
    assert (found.id, found.previous) == ("resp_1", "resp_1")
    assert read_outcome({**RESPONSE, "output": []}) is None
