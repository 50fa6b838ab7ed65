"""Short forms of what is said, for lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from gemtap.conversation.model import (
    UNKNOWN_TYPE,
    Call,
    Conversation,
    Media,
    Message,
    Other,
    Part,
    Result,
    Text,
    Thought,
)
from gemtap.interaction import Json, Preview

MAX_LENGTH: Final = 200
"""In characters."""

_LONGEST_ARGUMENT: Final = 60

_FENCE: Final = re.compile(r"```\w*[ \t]*\n\s*")
"""The beginning of a code block."""


def preview_of(conversation: Conversation) -> Preview:
    """The last message that is not the model's, and the beginning of the answer; None where nothing can be shown."""
    return {"prompt": _prompt(conversation.prompt), "answer": _answer(conversation)}


def _prompt(messages: Sequence[Message]) -> str | None:
    """The last message with something to show: its texts, or else its results and media."""
    for number in reversed(range(len(messages))):
        message = messages[number]
        if message.role == "model":
            continue
        if shown := _texts(message.parts):
            return shown
        # Media that follow results are often what the tools gave back.
        results = messages[number - 1].parts if number and messages[number - 1].role == "tool" else ()
        if shown := _short_forms(message.parts):
            return shown if message.role == "tool" else _short_forms((*results, *message.parts))
    return None


def _texts(parts: Sequence[Part]) -> str:
    return shorten(" ".join(part.text for part in parts if isinstance(part, Text)))


def _short_forms(parts: Sequence[Part]) -> str:
    return shorten(", ".join(filter(None, map(_short_form, parts))))


def _short_form(part: Part) -> str | None:
    match part:
        case Result(_, name, media=media):
            return ", ".join(filter(None, (f"⟵ {name or 'result'}", *map(_short_form, media))))
        case Media(mime_type):
            return f"[{'file' if mime_type == UNKNOWN_TYPE else mime_type}]"
        case Call(name, arguments):
            return call_form(name, arguments)
        case Other(kind):
            return f"[{kind}]"
        case _:
            return None


def _answer(conversation: Conversation) -> str | None:
    """The beginning of the answer's text, or else its calls and media."""
    parts = list(_answer_parts(conversation))
    text = "".join(part.text for part in parts if isinstance(part, Text)).strip()
    return (_beginning(text) if text else _short_forms(parts)) or None


def _beginning(text: str) -> str:
    """The first line, or all of JSON and other text whose first line has no words."""
    fence = _FENCE.match(text)
    if fence is not None:
        text = text[fence.end() :].removesuffix("```")
    first = text.split("\n", 1)[0]
    return shorten(text if first.startswith(("{", "[")) or not any(map(str.isalnum, first)) else first)


def _answer_parts(conversation: Conversation) -> Iterator[Part]:
    if conversation.answer is not None:
        yield from conversation.answer.parts
    elif conversation.is_session:
        yield from next((each.parts for each in reversed(conversation.prompt) if each.role == "model"), ())


def call_form(name: str, arguments: Json) -> str:
    """A function call as a person would write it: `get_weather(location="Boston", days=3)`."""
    members = arguments.items() if isinstance(arguments, dict) else ()
    return f"{name}({', '.join(f'{member}={_argument(value)}' for member, value in members)})"


def _argument(value: Json) -> str:
    match value:
        case dict():
            return "{…}"
        case list():
            return "[…]"
        case str():
            return json.dumps(shorten(value, _LONGEST_ARGUMENT), ensure_ascii=False)
        case _:
            return json.dumps(value)


def encrypted_form(thought: Thought) -> str | None:
    """A thought that the API only sends encrypted: `Thinking (encrypted, 1,204 bytes)`; None for any other."""
    size = thought.encrypted_bytes
    return None if size is None else f"Thinking (encrypted, {size:,} {'byte' if size == 1 else 'bytes'})"


def shorten(text: str, length: int = MAX_LENGTH) -> str:
    """The text on one line, its white space folded, cut to so many characters."""
    # The beginning of a long prompt is enough, and folding megabytes would be slow.
    folded = " ".join(text.lstrip()[: 10 * length].split())
    return folded if len(folded) <= length else folded[: length - 1].rstrip() + "…"
