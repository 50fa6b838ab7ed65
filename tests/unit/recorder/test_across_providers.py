"""A conversation that a client carries from one provider to another is one thread: its messages say the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from gemtap.conversation.model import Conversation
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.fingerprint import Fingerprint, fingerprint_of

QUESTION = "What is the weather in Paris, and should I take an umbrella with me today?"
CALL = {"city": "Paris"}
RESULT = '{"sky": "grey"}'
ANSWER = "Take one: it is grey, and it will rain in the afternoon."
NEXT = "And tomorrow?"
LAST = "Tomorrow the sun shines."

GEMINI: list[Any] = [
    {"role": "user", "parts": [{"text": QUESTION}]},
    {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": CALL}, "thoughtSignature": "c2ln"}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "grey"}}}]},
    {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": ANSWER}]},
    {"role": "user", "parts": [{"text": NEXT}]},
    {"role": "model", "parts": [{"text": LAST}]},
]
CHAT: list[Any] = [
    {"role": "user", "content": QUESTION},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": RESULT},
    {"role": "assistant", "content": ANSWER},
    {"role": "user", "content": [{"type": "text", "text": NEXT}]},
    {"role": "assistant", "content": LAST},
]
CLAUDE: list[Any] = [
    {"role": "user", "content": QUESTION},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": CALL}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": RESULT}]},
    {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": ANSWER}],
    },
    {"role": "user", "content": NEXT},
    {"role": "assistant", "content": [{"type": "text", "text": LAST}]},
]
OLLAMA: list[Any] = [
    CHAT[0],
    {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": CALL}}]},
    {"role": "tool", "tool_name": "weather", "content": RESULT},
    CHAT[3],
    {"role": "user", "content": NEXT},
    CHAT[5],
]
"""The whole history in each API's own shape, as its clients have it."""


def in_turn(provider: str, turn: int) -> Conversation:
    """The request and the answer of a turn, 0 to 2, as the provider's dialect reads them."""
    end = 2 * turn + 1
    bodies: tuple[Any, Any]
    match provider:
        case "gemini":
            operation = "generateContent"
            bodies = {"contents": GEMINI[:end]}, {"candidates": [{"content": GEMINI[end]}]}
        case "openai":
            operation = "openai.chat.completions"
            bodies = {"messages": CHAT[:end]}, {"choices": [{"message": CHAT[end]}]}
        case "anthropic":
            operation = "messages.create"
            bodies = {"messages": CLAUDE[:end]}, dict(CLAUDE[end])
        case _:
            operation = "ollama.chat"
            bodies = {"messages": OLLAMA[:end]}, {"message": OLLAMA[end]}
    dialect = PROVIDERS[provider].reader.dialect(operation, is_session=False)
    assert dialect is not None
    found = dialect.conversation(operation, *bodies)
    assert found is not None
    return found


def fingerprint(provider: str, turn: int) -> Fingerprint:
    """Its fingerprint."""
    found = fingerprint_of(in_turn(provider, turn))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "providers",
    [
        ("gemini", "openai", "anthropic"),
        ("anthropic", "gemini", "openai"),
        ("openai", "anthropic", "ollama"),
        ("ollama", "gemini", "anthropic"),
    ],
)
def test_each_turn_continues_the_one_before_at_another_provider(providers: tuple[str, ...]) -> None:
    """The best candidate of a turn is the whole turn before it, with the result or question that came after."""
    turns = [fingerprint(provider, turn) for turn, provider in enumerate(providers)]
    for before, after in pairwise(turns):
        links, new_messages = after.candidates[0]
        assert set(links) & set(before.links)
        assert new_messages == 1


def test_another_question_is_another_thread() -> None:
    """The rule is about what was said, not about who was asked."""
    other = Conversation(None, in_turn("openai", 0).prompt, in_turn("openai", 1).answer)
    found = fingerprint_of(other)
    assert found is not None
    assert not set(found.links[1:]) & set(fingerprint("gemini", 0).links)
