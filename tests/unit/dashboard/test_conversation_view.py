"""A conversation as a page shows it."""

from __future__ import annotations

import json

import pytest
from bson import ObjectId

from gemtap.conversation.added import first_new_for_reader
from gemtap.conversation.canonical import paired
from gemtap.conversation.model import Call, Conversation, Media, Message, Result, Text, Thought
from gemtap.dashboard.conversation_view import (
    SHOWN,
    first_shown,
    merged,
    part_of,
    shown_messages,
)
from gemtap.dashboard.shown_media import media_kind
from gemtap.dashboard.whole_parts import fields_of, whole_of
from gemtap.interaction import Thread
from tests.records import make_record

USER = Message("user", (Text("Read both."),))
CALLS = Message("model", (Call("read", {"path": "a.py"}), Call("read", {"path": "b.py"})))
RESULTS = Message("tool", (Result({"output": "A"}, "read"), Result({"output": "B"}, "read")))
ANSWER = Message("model", (Text("Done."),))


def conversation(*prompt: Message, answer: Message | None = ANSWER) -> Conversation:
    return Conversation(system=None, prompt=prompt, answer=answer)


def test_results_go_with_their_calls_in_order() -> None:
    """Results are matched to calls by order."""
    assert paired([USER, CALLS, RESULTS]) == {(2, 0): (1, 0), (2, 1): (1, 1)}


def test_results_go_with_their_calls_by_id() -> None:
    """Results are matched to calls by id."""
    calls = Message("model", (Call("read", {}, "1"), Call("read", {}, "2")))
    results = Message("tool", (Result("B", None, "2"), Result("A", None, "1"), Result("C", "read", "3")))
    assert paired([calls, results]) == {(1, 0): (0, 1), (1, 1): (0, 0)}


def test_a_result_stands_with_its_call_where_both_are_old() -> None:
    """An earlier result is shown with its call."""
    shown = shown_messages(conversation(USER, CALLS, RESULTS, USER), 0, 5, fresh_from=3)
    assert [message.number for message in shown] == [0, 1, 3, 4]
    result = shown[1].parts[1].result
    assert result is not None
    assert result.part == RESULTS.parts[1]
    assert [message.fresh for message in shown] == [False, False, True, True]


def test_a_result_that_is_new_stands_by_itself_and_says_of_which_call() -> None:
    """A new result is separate, and names its call."""
    shown = shown_messages(conversation(USER, CALLS, RESULTS), 0, 4, fresh_from=2)
    assert [message.number for message in shown] == [0, 1, 2, 3]
    assert shown[1].parts[0].result is None
    assert shown[2].parts[1].call == CALLS.parts[1]


def test_an_answer_that_is_sent_again_in_pieces_is_one() -> None:
    """A resent answer in several parts is one message."""
    pieces = [{"text": "Hm", "thought": True}, {"text": ".", "thought": True}, {"text": "Here\n"}, {"text": "it is."}]
    contents = [{"role": "user", "parts": [{"text": "A"}, {"text": "B"}]}, {"role": "model", "parts": pieces}]
    record = make_record(request_raw=json.dumps({"contents": contents}).encode(), answered=False)
    conversation = merged(record.document)
    assert conversation is not None
    assert [message.parts for message in conversation.prompt] == [
        (Text("A"), Text("B")),
        (Thought("Hm."), Text("Here\nit is.")),
    ]


def test_of_a_long_text_the_beginning_is_shown() -> None:
    """Only the beginning of a long text is shown."""
    (message,) = shown_messages(conversation(Message("user", (Text("x" * (SHOWN + 7)),)), answer=None), 0, 1, 0)
    (part,) = message.parts
    assert part.cut == 7
    assert part.part == Text("x" * SHOWN)


def thread(new_messages: int, *, begins: bool = False) -> Thread:
    turn, parent = (1, None) if begins else (2, ObjectId())
    return {"id": ObjectId(), "turn": turn, "parent": parent, "new_messages": new_messages}


@pytest.mark.parametrize(
    ("prompt", "of", "first"),
    [
        ([USER], None, 0),
        ([USER, CALLS, RESULTS], None, 2),
        ([USER, CALLS, RESULTS], thread(1), 2),
        ([USER, CALLS, RESULTS], thread(3), 0),
        ([USER], thread(9), 0),
        ([USER, CALLS, RESULTS], thread(3, begins=True), 2),
        ([USER], thread(1, begins=True), 0),
        ([], None, 0),
    ],
)
def test_what_this_turn_added_is_told_by_the_thread_else_by_the_last_words_of_the_model(
    prompt: list[Message], of: Thread | None, first: int
) -> None:
    """New messages are known from the thread, else from the model's last message."""
    assert first_new_for_reader(conversation(*prompt), of) == first


def test_a_page_shows_the_last_messages_that_it_has_room_for() -> None:
    """The last one is shown, however long it is, with the beginnings of its parts."""
    short, long = Message("user", (Text("x"),)), Message("user", (Text("x" * SHOWN),))
    assert first_shown(conversation(*[short] * 50, answer=None), 0, 50) == 10
    assert first_shown(conversation(*[short] * 50, answer=None), 45, 50) == 45
    assert first_shown(conversation(*[long] * 9, answer=None), 0, 9) == 7
    assert first_shown(conversation(*[long] * 9, answer=None), 0, 9, 100) == 0
    assert first_shown(conversation(Message("user", (Text("x" * SHOWN),) * 9), answer=None), 0, 1) == 0
    assert first_shown(conversation(answer=None), 0, 0) == 0


def test_the_whole_of_what_is_shortened() -> None:
    """Texts, members of arguments and results with their language, and values as JSON."""
    long = "def f():\n    pass\n" * 50
    calls = Message("model", (Call("write", {"path": "a.py", "content": long}), Call("list", {"depth": 1})))
    results = Message("tool", (Result({"output": long}, "write"), Result("plain", "list")))
    held = Conversation(system="Be brief.", prompt=(USER, calls, results), answer=None)
    assert whole_of(held, "system") == ("Be brief.", None)
    assert whole_of(conversation(USER), "system") is None
    assert whole_of(held, "0-0") == ("Read both.", None)
    assert whole_of(held, "1-0", "content") == (long, "python")
    assert whole_of(held, "2-0", "output") == (long, "python")
    assert whole_of(held, "2-1") == ("plain", None)
    assert whole_of(held, "1-1") == ('{\n  "depth": 1\n}', "json")
    assert whole_of(held, "1-0", "absent") is None
    assert whole_of(held, "9-9") is None


@pytest.mark.parametrize("number", ["0", "0-9", "9-0", "-1-0", "a-b", "", "0--1", "0-0-0"])
def test_a_part_that_is_none(number: str) -> None:
    """A number that is no part of the conversation has no part."""
    assert part_of(conversation(USER), number) is None


def test_texts_of_several_lines_are_taken_out_of_json() -> None:
    """Multi-line texts are shown outside of JSON."""
    fields = fields_of({"path": "src/app.py", "content": "def f():\n    pass\n", "overwrite": True})
    assert [(field.name, field.text, field.language) for field in fields] == [
        ("path", False, ""),
        ("content", True, "python"),
        ("overwrite", False, ""),
    ]
    assert fields_of({"output": "a\nb"}, Call("read", {"path": "b.rs"}))[0].language == "rust"
    assert fields_of({"a": 1}) == []
    assert fields_of("text") == []


@pytest.mark.parametrize(
    ("mime_type", "data", "kind"),
    [
        ("image/png", "AA==", "image"),
        ("IMAGE/PNG; q=1", "AA==", "image"),
        ("image/svg+xml", "AA==", "file"),
        ("text/html", "AA==", "file"),
        ("application/pdf", "AA==", "pdf"),
        ("audio/wav", "AA==", "audio"),
        ("image/png", None, "file"),
    ],
)
def test_only_what_can_run_nothing_is_shown_inline(mime_type: str, data: str | None, kind: str) -> None:
    """Only passive media are shown inline."""
    assert media_kind(Media(mime_type, base64=data)) == kind
