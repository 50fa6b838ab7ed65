"""What a client changed in the context between two turns."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gemtap.conversation.changes import Change, Changes, Kept, changes_between
from gemtap.conversation.differing import Line, line_changes, opcodes
from gemtap.conversation.model import BuiltInTool, Call, Conversation, Media, Message, Result, Text, Thought, Tool

ASK = Message("user", (Text("Read it.\nThen tell me."),))
CALL = Message("model", (Thought("Hm."), Call("read", {"path": "a.py"}, "1")))
RESULT = Message("tool", (Result({"output": "one\ntwo\nthree"}, "read"),))
ANSWER = Message("model", (Text("Done."),))


def conversation(*prompt: Message, answer: Message | None = None, **fields: Any) -> Conversation:
    return Conversation(**{"system": None, "prompt": prompt, "answer": answer, **fields})


def between(before: Conversation, after: Conversation, **settings: Any) -> Changes:
    return changes_between(before, after, {}, settings)


def test_who_only_adds_changes_nothing() -> None:
    """A request that only adds messages has no changes."""
    found = between(conversation(ASK, answer=CALL), conversation(ASK, CALL, RESULT))
    assert found.is_addition
    assert found.messages == (Kept(2),)
    assert [(change.kind, change.what) for change in found.appended] == [("added", "Message 3, tools")]
    assert [line.text for line in found.appended[0].lines] == [
        "result of read",
        "  output:",
        "    one",
        "    two",
        "    three",
    ]


def test_thoughts_that_are_not_sent_again_and_texts_cut_elsewhere_are_no_change() -> None:
    """Dropped thoughts and texts divided differently are no changes."""
    streamed = Message("model", (Thought("Well."), Text("Do"), Text("ne.")))
    assert between(conversation(ASK, answer=streamed), conversation(ASK, ANSWER)).is_addition


def test_a_result_that_was_shortened_is_seen_line_by_line() -> None:
    """A shortened tool result is compared line by line."""
    shorter = Message("tool", (Result({"output": "one\n[cut]"}, "read"),))
    found = between(conversation(ASK, CALL, RESULT, answer=ANSWER), conversation(ASK, CALL, shorter, ANSWER, ASK))
    assert not found.is_addition
    kept, change, rest = found.messages
    assert (kept, rest) == (Kept(2), Kept(1))
    assert isinstance(change, Change)
    assert (change.kind, change.what) == ("changed", "Message 3, tools")
    assert [(line.kind, line.text.strip()) for line in change.lines if line.kind != "same"] == [
        ("removed", "two"),
        ("removed", "three"),
        ("added", "[cut]"),
    ]
    assert [each.what for each in found.appended] == ["Message 5, user"]


def test_what_was_dropped_and_put_before_is_told_with_its_place() -> None:
    """Removed and inserted messages have their positions."""
    summary = Message("user", (Text("Summary of what was said before."),))
    found = between(conversation(ASK, CALL, RESULT, answer=ANSWER), conversation(summary, ANSWER))
    assert [(each.kind, each.what) for each in found.messages if isinstance(each, Change)] == [
        ("changed", "Message 1, user"),
        ("removed", "Message 2, model"),
        ("removed", "Message 3, tools"),
    ]
    assert found.appended == ()


def test_instruction_tools_and_settings() -> None:
    """Changes of the system instruction, tools and settings are found."""
    read = Tool("read", "Reads.", {"type": "object"})
    before = conversation(ASK, system="Be brief.\nBe kind.", tools=(read, Tool("write", None, None)))
    after = conversation(ASK, system="Be brief.", tools=(Tool("read", "Reads files.", {"type": "object"}),))
    found = between(before, after, temperature=0.5)
    assert found.system == Change(
        "changed", "System instruction", (Line("same", "Be brief."), Line("removed", "Be kind."))
    )
    assert [(each.kind, each.what) for each in found.tools] == [("changed", "Tool read"), ("removed", "Tool write")]
    assert found.tools[0].lines[:2] == (Line("removed", "Reads.", (5, 5)), Line("added", "Reads files.", (5, 11)))
    assert [(each.what, each.lines[0].text) for each in found.settings] == [("temperature", "0.5")]


def test_built_in_tools_and_cached_content_are_compared_too() -> None:
    """Turning a search on, or naming another cache, is a change."""
    search = BuiltInTool("googleSearch", {"depth": 2})
    changes = between(conversation(ASK, cache="cachedContents/a"), conversation(ASK, built_in=(search,)))
    assert [(each.kind, each.what) for each in (*changes.settings, *changes.tools)] == [
        ("removed", "cached content"),
        ("added", "Tool googleSearch"),
    ]


def test_a_picture_is_told_from_another() -> None:
    """Two different images are a change."""
    first, second = (Message("user", (Media("image/png", base64=data),)) for data in ("AAAA", "AAAB"))
    assert not between(conversation(first), conversation(second)).is_addition
    assert between(conversation(first), conversation(first, ASK)).is_addition


def test_what_is_the_same_is_folded() -> None:
    """Unchanged lines are collapsed."""
    before = [f"line {number}" for number in range(100)]
    found = list(line_changes(before, [*before[:50], "new", *before[50:]]))
    assert [line.text for line in found] == [
        "47",
        *("line 47", "line 48", "line 49", "new", "line 50", "line 51", "line 52"),
        "47",
    ]
    assert found[0].kind == "left_out"


def test_of_long_lines_the_place_that_changed_is_shown() -> None:
    """For long lines, only the text around the change is shown."""
    before = "a" * 50_000 + "old" + "b" * 50_000
    removed, added = line_changes([before], [before.replace("old", "new")])
    for line, word in ((removed, "old"), (added, "new")):
        assert len(line.text) < 2_100
        assert line.text[slice(*line.marked)] == word
        assert line.text.startswith("…a")
        assert line.text.endswith("b…")


def test_texts_that_have_nothing_in_common_come_to_an_end() -> None:
    """Comparing texts without common lines ends soon."""
    found = list(line_changes([f"old {n}" for n in range(30_000)], [f"new {n}" for n in range(30_000)]))
    assert len(found) == 401
    assert found[-1] == Line("left_out", "more")


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_the_codes_lead_from_one_to_the_other(before: list[str], after: list[str]) -> None:
    """The edit operations turn the first text into the second."""
    rebuilt: list[str] = []
    at = 0
    for tag, i1, i2, j1, j2 in opcodes(before, after):
        assert i1 == at
        assert (tag == "equal") == (before[i1:i2] == after[j1:j2])
        rebuilt += before[i1:i2] if tag == "equal" else after[j1:j2]
        at = i2
    assert at == len(before)
    assert rebuilt == after
