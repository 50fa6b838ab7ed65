"""What lists show of a conversation."""

from __future__ import annotations

import pytest

from gemtap.conversation.model import Call, Conversation, Media, Message, Part, Result, Text, Thought
from gemtap.conversation.preview import preview_of

ASKED = Message("user", (Text("Why?"),))


def answer(*parts: Part) -> str | None:
    return preview_of(Conversation(None, (ASKED,), Message("model", parts)))["answer"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{\n  "name": "Robin",\n  "age": 30\n}', '{ "name": "Robin", "age": 30 }'),
        ('```json\n[\n  {"name": "Robin"}\n]\n```', '[ {"name": "Robin"} ]'),
        ('{"people": [\n  "Robin"\n]}', '{"people": [ "Robin" ]}'),
        ("---\n\nIt is so.\nAnd more.", "--- It is so. And more."),
        ("\n**It** is so.\nAnd more.", "**It** is so."),
        ("```python\nprint(1)\nprint(2)\n```", "print(1)"),
        ("```", "```"),
        ('{"text": "' + "a" * 300 + '"}', '{"text": "' + "a" * 189 + "…"),
    ],
)
def test_an_answer_is_shown_by_what_says_something(text: str, shown: str) -> None:
    """One brace or a fence says nothing; JSON is shown on one line."""
    assert answer(Text(text)) == shown


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ((Media("image/png", base64="AAAA"),), "[image/png]"),
        ((Media("audio/L16;codec=pcm;rate=24000", base64="AAAA"),), "[audio/L16;codec=pcm;rate=24000]"),
        ((Thought("Hm"), Media("image/png"), Call("draw", {"what": "fox"})), '[image/png], draw(what="fox")'),
        ((Media("image/png"), Text("A fox.\nRed.")), "A fox."),
        ((Thought("Hm"),), None),
    ],
)
def test_an_answer_without_words_is_shown_by_what_it_holds(parts: tuple[Part, ...], shown: str | None) -> None:
    """Pictures and sounds by their types, calls as a person would write them."""
    assert answer(*parts) == shown


def test_media_that_follow_results_are_shown_with_them() -> None:
    """Clients send what a tool drew as a message of its own."""
    results = Message("tool", (Result({}, "draw"),))
    conversation = Conversation(None, (ASKED, results, Message("user", (Media("image/png"),))), None)
    assert preview_of(conversation)["prompt"] == "⟵ draw, [image/png]"


def test_in_a_session_the_last_words_of_the_model_are_the_answer() -> None:
    """Only a session has answers in its prompt."""
    turns = (ASKED, Message("model", (Text("So."),)), Message("user", (Text("And now?"),)))
    assert preview_of(Conversation(None, turns, None, is_session=True)) == {"prompt": "And now?", "answer": "So."}
    assert preview_of(Conversation(None, turns, None))["answer"] is None
