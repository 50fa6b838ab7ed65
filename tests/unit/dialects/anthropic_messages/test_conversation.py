"""The messages of Anthropic's API as conversations."""

from __future__ import annotations

import itertools
import json
from typing import Any

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Grounding,
    Media,
    Message,
    Other,
    Result,
    Source,
    Text,
    Thought,
    Tool,
)
from gemtap.dialects.anthropic_messages.conversation import read, read_completion
from gemtap.dialects.cut_points import cut_points
from gemtap.recorder.fingerprint import fingerprint_of

MARK = {"cache_control": {"type": "ephemeral"}}


def asked(*messages: Any, **fields: Any) -> Any:
    return read({"messages": list(messages), **fields}, None)


def test_an_answer_has_thinking_text_calls_and_sources() -> None:
    """Signatures and encrypted thinking are kept; citations stand beside their text."""
    citation = {"type": "web_search_result_location", "url": "https://a", "title": "A", "cited_text": "c"}
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "Enc"},
        {"type": "server_tool_use", "id": "x", "name": "web_search", "input": {"query": "q"}},
        {"type": "text", "text": "So.", "citations": [citation]},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}},
    ]
    answer = read({}, {"content": content}).answer
    assert answer == Message(
        "model",
        (
            Thought("Hm.", "s", form="anthropic_messages"),
            Thought("", sealed="Enc", form="anthropic_messages"),
            Other("server_tool_use", content[2]),
            Text("So."),
            Grounding((), (Source("web_search_result", "A", "https://a", "c"),)),
            Call("look", {"at": 1}, "t"),
        ),
    )


def test_thinking_that_is_left_out_is_encrypted_in_its_signature() -> None:
    """With `display: omitted`, the API sends the block without its words; its size is that of the signature."""
    answer = read({}, {"content": [{"type": "thinking", "thinking": "", "signature": "EuYB"}]}).answer
    assert answer is not None
    assert [part.encrypted_bytes for part in answer.parts if isinstance(part, Thought)] == [4]


def test_results_are_a_message_of_their_own() -> None:
    """They come from the user together with text here; images in them are media."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    found = asked(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "seen"}, image]},
                {"type": "tool_result", "tool_use_id": "u", "content": "no file", "is_error": True, **MARK},
                {"type": "text", "text": "Go on."},
            ],
        }
    )
    assert found.prompt == (
        Message(
            "tool",
            (
                Result("seen", None, "t", (Media("image/png", base64="AAAA"),), is_error=False),
                Result("no file", None, "u", is_error=True),
            ),
        ),
        Message("user", (Text("Go on."),)),
    )


def test_media_are_data_addresses_or_files() -> None:
    """Documents of plain text are text."""
    sources: list[Any] = [
        {"type": "url", "url": "https://a/b.png"},
        {"type": "file", "file_id": "file_1"},
        {"type": "text", "media_type": "text/plain", "data": "Words."},
    ]
    kinds = ("image", "document", "document")
    content = [{"type": kind, "source": source} for kind, source in zip(kinds, sources, strict=True)]
    assert asked({"role": "user", "content": content}).prompt[0].parts == (
        Media("image/*", uri="https://a/b.png"),
        Media("application/pdf", uri="file_1"),
        Text("Words."),
    )


def test_the_billing_line_is_no_part_of_the_system_prompt() -> None:
    """Claude Code changes it with every request."""
    billing = {
        "type": "text",
        "text": "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch=fa690;",
    }
    system = [billing, {"type": "text", "text": "You are Claude Code.", **MARK}, {"type": "text", "text": "Be brief."}]
    assert asked(system=system).system == "You are Claude Code.\nBe brief."
    assert asked(system="Be brief.").system == "Be brief."
    assert (
        asked({"role": "system", "content": "From now on in verse."}, system="A").system == "A\nFrom now on in verse."
    )


def test_tools_are_the_clients_or_anthropics() -> None:
    """Tools with a type of their own are built in; MCP servers are, too, without their credentials."""
    found = asked(
        tools=[
            {"name": "look", "description": "d", "input_schema": {"type": "object"}, **MARK},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
        mcp_servers=[{"type": "url", "name": "m", "url": "https://m", "authorization_token": "t"}],
    )
    assert found.tools == (Tool("look", "d", {"type": "object"}),)
    assert found.built_in == (
        BuiltInTool("web_search_20250305", {"name": "web_search", "max_uses": 2}),
        BuiltInTool("mcp_server", {"name": "m", "url": "https://m"}),
    )


def test_a_text_completion_is_a_question_and_an_answer() -> None:
    """The legacy API has one prompt."""
    found = read_completion({"prompt": "\n\nHuman: Why?"}, {"completion": " So."})
    assert [part for message in found.messages for part in message.parts] == [Text("\n\nHuman: Why?"), Text(" So.")]


TASK = "Find out why the nightly export takes an hour, and make it fast again."
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Where is it?", "signature": "s"},
    {"type": "text", "text": "I look."},
    {"type": "tool_use", "id": "t", "name": "read", "input": {"path": "a.py"}},
]
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "def export(): ..."}


def test_marks_of_the_cache_do_not_break_a_thread() -> None:
    """Claude Code moves them with every turn, and puts a text into a block to mark it."""
    first = fingerprint_of(
        read(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": TASK, **MARK}]}]}, {"content": CONTENT}
        )
    )
    second = fingerprint_of(
        asked(
            {"role": "user", "content": TASK},
            {"role": "assistant", "content": CONTENT[1:]},
            {"role": "user", "content": [{**RESULT, **MARK}]},
        )
    )
    third = fingerprint_of(
        asked(
            {"role": "user", "content": [{"type": "text", "text": TASK}]},
            {"role": "assistant", "content": CONTENT},
            {"role": "user", "content": [{**RESULT, "content": [{"type": "text", "text": RESULT["content"], **MARK}]}]},
        )
    )
    assert first is not None
    assert second is not None
    assert third is not None
    assert second.sought[0][0] in first.links
    assert second.sought[0][1] == 1
    assert second.prompt_hash == third.prompt_hash


def test_a_thread_goes_on_with_openais_chat() -> None:
    """A client that switches providers sends the same messages in other shapes."""
    from gemtap.dialects.openai_chat.conversation import read as read_chat

    here = fingerprint_of(read({"messages": [{"role": "user", "content": TASK}]}, {"content": CONTENT}))
    call = {"id": "other", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
    there = fingerprint_of(
        read_chat(
            {
                "messages": [
                    {"role": "user", "content": TASK},
                    {"role": "assistant", "content": "I look.", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "other", "content": '{"found": 1}'},
                ]
            },
            None,
        )
    )
    assert here is not None
    assert there is not None
    assert there.sought[0][0] in here.links


def test_json_in_a_result_is_the_same_as_text_and_as_value() -> None:
    """OpenAI's dialect reads the value, and Anthropic's keeps the text: the messages are the same."""
    from gemtap.conversation.canonical import pieces

    said = [[Message("tool", (Result(content),))] for content in ('{"a": 1, "b": [2]}', {"b": [2], "a": 1})]
    one, other = (list(pieces(messages)) for messages in said)
    assert one == other


def test_a_repeated_conversation_is_cut_at_its_messages() -> None:
    """A store keeps each once: all pieces of a request but the marked ones are in the next request."""
    long = "All work and no play makes Jack a dull boy. " * 20
    turns: list[dict[str, Any]] = [
        {"role": role, "content": [{"type": "text", "text": f"{role} {n} {long}"}]}
        for n in range(4)
        for role in ("user", "assistant")
    ]
    system = [{"type": "text", "text": long, **MARK}]

    def body(count: int) -> bytes:
        said = [*turns[: count - 1], {"role": "user", "content": [{**turns[count - 1]["content"][0], **MARK}]}]
        return json.dumps({"model": "m", "system": system, "messages": said}).encode()

    def pieces_of(raw: bytes) -> list[bytes]:
        places = [0, *cut_points(raw), len(raw)]
        return [raw[start:end] for start, end in itertools.pairwise(places)]

    before, after = pieces_of(body(5)), pieces_of(body(7))
    fresh = [piece for piece in after if piece not in before and len(piece) > 256]
    assert len([piece for piece in after if len(piece) > 256]) == 8
    assert len(fresh) == 3  # two new messages, and the one that was marked before
