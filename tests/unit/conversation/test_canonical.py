"""Messages in the form in which they are compared."""

from __future__ import annotations

import pytest

from gemtap.conversation.canonical import chain, joined, paired, pieces
from gemtap.conversation.model import Call, Media, Message, Part, Result, Role, Text, Thought

ASKED = Message("user", (Text("Why is\n the sky blue?"),))


def said(*parts: Part, role: Role = "model") -> Message:
    return Message(role, parts)


def hashes(*messages: Message) -> list[bytes]:
    return chain(pieces(messages))


def test_runs_of_texts_and_of_thoughts_become_one_each() -> None:
    """A run ends where another kind of part begins; calls stay apart."""
    parts: list[Part] = [Thought("a"), Thought("b"), Text("c"), Text("d"), Call("f", {}), Call("f", {}), Text("e")]
    assert list(joined(parts)) == [Thought("ab"), Text("cd"), Call("f", {}), Call("f", {}), Text("e")]
    encrypted = [Thought("", sealed="Enc"), Thought("", "sign")]
    assert list(joined([Thought("a"), *encrypted, Thought("b")])) == [Thought("a"), *encrypted, Thought("b")]


def test_a_result_belongs_to_the_call_with_its_id_whatever_the_order() -> None:
    """Results of parallel calls may arrive in any order."""
    calls = said(Call("f", {"n": 1}, "one"), Call("f", {"n": 2}, "two"))
    results = said(Result("2", "f", "two"), Result("1", "f", "one"), role="tool")
    assert paired([calls, results]) == {(1, 0): (0, 1), (1, 1): (0, 0)}


def test_without_ids_the_first_unanswered_call_of_the_name_is_meant() -> None:
    """A result without a call, and a call without a result, stay alone."""
    calls = said(Call("f", {"n": 1}), Call("g", {}), Call("f", {"n": 2}))
    results = said(Result("1", "f"), Result("2", "f"), Result("3", "f"), Result("x"), role="tool")
    assert paired([calls, results]) == {(1, 0): (0, 0), (1, 1): (0, 2)}


@pytest.mark.parametrize(
    "sent_again",
    [
        [said(Text("Ray"), Text("leigh.")), said(Call("f", {"a": 1, "b": 2}, "other"))],
        [said(Text("Rayleigh."), Call("f", {"b": 2, "a": 1}))],
        [said(Thought("Hm"), Text(" Rayleigh.\n"), Thought("So"), Call("f", {"a": 1, "b": 2}))],
    ],
)
def test_what_clients_change_does_not_change_the_hash(sent_again: list[Message]) -> None:
    """Cuts in texts and between messages of the model, thoughts, white space, ids and the order of members."""
    first = hashes(ASKED, said(Text("Rayleigh."), Call("f", {"a": 1, "b": 2}, "id")))
    assert hashes(said(Text("Why is the sky blue?"), role="user"), *sent_again) == first


@pytest.mark.parametrize(
    "other",
    [
        [said(Text("Mie.")), ASKED],
        [said(Text("Rayleigh."), role="user"), ASKED],
        [said(Text("Rayleigh."), Media("image/png", base64="AAAA")), ASKED],
    ],
)
def test_other_words_speakers_or_media_change_the_hash_of_all_that_follows(other: list[Message]) -> None:
    """The first hash covers the first message alone, the last one all of them."""
    one, two = hashes(ASKED, said(Text("Rayleigh.")), ASKED), hashes(ASKED, *other)
    assert one[0] == two[0]
    assert one[1:] != two[1:]
    assert one[-1] != two[-1]


def test_messages_without_words_are_no_pieces() -> None:
    """A message of thoughts alone is sent again by nobody."""
    assert [(piece.role, piece.messages) for piece in pieces([ASKED, said(Thought("Hm"))])] == [("user", 1)]
