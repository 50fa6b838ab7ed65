"""Which tools an exchange calls, and whose results it brings."""

from __future__ import annotations

from collections import Counter
from typing import Final

from gemtap.conversation.added import after_the_model
from gemtap.conversation.model import Call, Conversation, Message, Result
from gemtap.interaction import ToolResults, ToolUse

_MOST: Final = 100
"""Tools of one exchange. The field is part of an index."""

_LONGEST: Final = 100
"""Characters of a name."""


def tool_use_of(conversation: Conversation) -> ToolUse | None:
    """The calls of the answer, and the results after the model's last message; in a session, all of both.

    Earlier calls and results, which clients send again, are not counted. None if there are neither.
    """
    answered = conversation.messages if conversation.is_session else (conversation.answer,)
    calls = Counter(_short(part.name) for part in _calls(answered))
    results: dict[str | None, ToolResults] = {}
    for message in conversation.prompt[after_the_model(conversation) :]:
        for part in message.parts:
            if isinstance(part, Result):
                _add(results, _short(part.name or _called_name(conversation, part.id)), part.is_error)
    if not calls and not results:
        return None
    return {
        "calls": [{"name": name, "times": times} for name, times in calls.most_common(_MOST)],
        "results": list(results.values())[:_MOST],
    }


def _calls(messages: tuple[Message | None, ...]) -> list[Call]:
    return [part for message in messages if message is not None for part in message.parts if isinstance(part, Call)]


def _called_name(conversation: Conversation, id_: str | None) -> str:
    """The tool of the latest call with this id. Nearly always, the model's last message has it."""
    if id_ is None:
        return ""
    calls = (part for message in reversed(conversation.messages) for part in message.parts if isinstance(part, Call))
    return next((call.name for call in calls if call.id == id_), "")


def _add(results: dict[str | None, ToolResults], name: str | None, is_error: bool | None) -> None:
    found = results.setdefault(name, {"name": name, "times": 0, "failed": None})
    found["times"] += 1
    if is_error is not None:
        found["failed"] = (found["failed"] or 0) + is_error


def _short(name: str) -> str | None:
    return name[:_LONGEST].encode("utf-8", "replace").decode() or None
