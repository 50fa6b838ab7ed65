"""The texts that a turn added to its conversation, each with its kind: what searches look through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from gemtap.conversation.added import first_unrecorded
from gemtap.conversation.model import Call, Conversation, Grounding, Message, Other, Part, Result, Text, Thought
from gemtap.interaction import Json, Thread

Kind = Literal["response", "prompt", "thinking", "tool call", "tool result", "search", "system instruction", "other"]

_UNSPOKEN: Final = frozenset({"data", "bytesBase64Encoded", "signature", "thoughtSignature", "thought_signature"})
"""Members that hold no words, however short they are."""


class Said(NamedTuple):
    """One text."""

    kind: Kind
    text: str


def said_by_turn(conversation: Conversation, thread: Thread | None) -> Iterator[Said]:
    """The response, the new messages from the last one on, and the system instruction of a thread's first turn."""
    added = list(conversation.prompt[first_unrecorded(conversation, thread) :])
    for message in ([conversation.answer] if conversation.answer is not None else []) + added[::-1]:
        yield from _in_message(message)
    if conversation.system is not None and (thread is None or thread["turn"] == 1):
        yield Said("system instruction", conversation.system)


def _in_message(message: Message) -> Iterator[Said]:
    for part in message.parts:
        kind: Kind = "response" if message.role == "model" else "prompt"
        yield from (Said(kind if part_kind is None else part_kind, text) for part_kind, text in _in_part(part))


def _in_part(part: Part) -> Iterator[tuple[Kind | None, str]]:
    """Texts with their kinds; None is that of the message."""
    match part:
        case Text(text):
            yield None, text
        case Thought(text) if text:
            yield "thinking", text
        case Call(name, arguments):
            yield "tool call", name
            yield from (("tool call", text) for text in strings_in(arguments))
        case Result(content, name):
            yield "tool result", name or ""
            yield from (("tool result", text) for text in strings_in(content))
        case Other(_, value):
            yield from (("other", text) for text in strings_in(value))
        case Grounding(queries, sources):
            yield from (("search", query) for query in queries)
            for source in sources:
                yield from (("search", text) for text in (source.title, source.uri) if text)


def strings_in(value: Json) -> Iterator[str]:
    """The names, texts and numbers in a JSON value, in their order."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                if name not in _UNSPOKEN:
                    yield name
                    yield from strings_in(item)
        case list():
            for item in value:
                # Not the numbers of an embedding.
                if not isinstance(item, float):
                    yield from strings_in(item)
        case int() | float() if not isinstance(value, bool):
            yield str(value)
