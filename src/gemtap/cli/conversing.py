"""A conversation as lines of a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from rich.text import Text as Line

from gemtap.cli.printing import as_json, harmless
from gemtap.conversation.added import first_new_for_reader
from gemtap.conversation.canonical import merged
from gemtap.conversation.model import Aside, Call, Conversation, Grounding, Media, Message, Part, Result, Text, Thought
from gemtap.conversation.preview import call_form, encrypted_form
from gemtap.conversation.server_tools import shown_as
from gemtap.interaction import Interaction, Json
from gemtap.providers.documents import conversation_of

_RESULT_LINES: Final = 12
"""Lines of a tool's result that are shown."""

_SPEAKERS: Final = {"user": ("User", "bold cyan"), "model": ("Model", "bold green"), "tool": ("Tools", "bold yellow")}


def lines_of(document: Interaction, *, whole: bool) -> Iterator[Line]:
    """The conversation of an interaction, or its bodies if it is none.

    Without `whole`, resent messages are counted and long results are shortened.
    """
    conversation = conversation_of(document)
    if conversation is None:
        yield from _bodies(document)
        return
    yield from _conversation(merged(conversation), document, whole=whole)


def _conversation(conversation: Conversation, document: Interaction, *, whole: bool) -> Iterator[Line]:
    if conversation.system is not None:
        yield Line()
        yield Line("System", "bold")
        yield from _shortened(conversation.system, 3, whole=whole)
    if conversation.tools:
        yield Line()
        names = ", ".join(tool.name for tool in conversation.tools)
        yield Line.assemble((f"{len(conversation.tools)} tools: ", "bold"), harmless(names))
    first = 0 if whole else first_new_for_reader(conversation, document["thread"])
    if first:
        yield Line()
        yield Line(f"{first} earlier messages, resent. --all shows them.", "dim")
    for message in conversation.messages[first:]:
        yield Line()
        yield from _message(message, whole=whole)
    if conversation.answer is None and not conversation.is_session:
        yield Line()
        yield Line("The response contains no answer." if document["response"] else "The client got no response.", "dim")


def _message(message: Message, *, whole: bool) -> Iterator[Line]:
    yield Line(*_SPEAKERS[message.role])
    for part in message.parts:
        yield from _part(part, whole=whole)


def _part(part: Part, *, whole: bool) -> Iterator[Line]:
    match part:
        case Text(text):
            yield harmless(text)
        case Thought(text):
            yield harmless(encrypted_form(part) or text, "dim italic")
        case Call(name, arguments):
            form = call_form(name, arguments) if not whole else f"{name}({json.dumps(arguments, ensure_ascii=False)})"
            yield Line.assemble(("→ ", "yellow"), harmless(form))
        case Result(content, name):
            yield Line.assemble(("← ", "yellow"), harmless(name or "result"))
            yield from _shortened(_as_text(content), _RESULT_LINES, whole=whole)
            for medium in part.media:
                yield from _part(medium, whole=whole)
        case Media(mime_type, uri):
            yield harmless(f"[{mime_type}{f' {uri}' if uri else ''}]", "dim")
        case Grounding(queries, sources):
            if queries:
                yield harmless(f"Searched for: {', '.join(queries)}", "dim")
            for source in sources:
                yield harmless(f"- {' '.join(filter(None, (source.title, source.uri)))}", "dim")
        case Aside(kind):
            yield harmless(f"[{kind}]", "dim")
        case _:
            title, value, _ = shown_as(part)
            yield harmless(title, "dim")
            yield from _shortened(_as_text(value), _RESULT_LINES, whole=whole)


def _as_text(value: Json) -> str:
    """A result as text: that of an object with one text, else JSON."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _shortened(text: str, most: int, *, whole: bool) -> Iterator[Line]:
    lines = text.splitlines()
    for line in lines if whole else lines[:most]:
        yield harmless(line)
    if not whole and len(lines) > most:
        yield Line(f"… {len(lines) - most:,} more lines. --all shows them.", "dim")


def _bodies(document: Interaction) -> Iterator[Line]:
    for name, part in (("Request", document["request"]), ("Response", document["response"])):
        yield Line()
        yield Line(name, "bold")
        body = part["body"] if part is not None else None
        match body:
            case None:
                yield Line("No body." if part is not None else "The client got no response.", "dim")
            case bytes():
                yield Line(f"{len(body):,} bytes. --raw {name.lower()} prints them.", "dim")
            case str():
                yield harmless(body)
            case _:
                yield Line(as_json(body, indent=2))
