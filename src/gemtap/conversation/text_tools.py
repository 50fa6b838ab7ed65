"""Tools that take a text, for APIs and formats that know only tools with arguments."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Final

from gemtap.conversation.model import Call, Conversation, Message, Part, Tool

_INPUT: Final = "input"
_PARAMETERS: Final = {"type": "object", "properties": {_INPUT: {"type": "string"}}, "required": [_INPUT]}


def with_arguments(conversation: Conversation) -> Conversation:
    """The conversation with `{"input": TEXT}` as the arguments of each tool that takes a text."""
    names = {tool.name for tool in conversation.tools if tool.takes_text}
    if not names:
        return conversation
    answer = conversation.answer
    return replace(
        conversation,
        prompt=tuple(_message(message, names) for message in conversation.prompt),
        answer=None if answer is None else _message(answer, names),
        tools=tuple(
            Tool(tool.name, tool.description, _PARAMETERS) if tool.takes_text else tool for tool in conversation.tools
        ),
    )


def _message(message: Message, names: Container[str]) -> Message:
    return replace(message, parts=tuple(_part(part, names) for part in message.parts))


def _part(part: Part, names: Container[str]) -> Part:
    if isinstance(part, Call) and part.name in names and not isinstance(part.arguments, dict):
        text = part.arguments
        return replace(part, arguments={_INPUT: text if isinstance(text, str) else ""})
    return part
