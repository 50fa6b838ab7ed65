"""What a client changed in the context between two turns: pure, and for people to read.

Set side by side are what the model had been given and had answered in the one turn, and what it was given in the
other. Agents are expected to repeat the first and to add to it; where they rewrite, drop or reorder, they pay for it,
since nothing after the change is cached any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from gemtap.conversation.canonical import joined, sent_again
from gemtap.conversation.differing import Line, line_changes, opcodes
from gemtap.conversation.model import Call, Conversation, Media, Message, Other, Part, Result, Role, Text
from gemtap.interaction import Json
from gemtap.json_access import as_json_text


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the context that is not as it was."""

    kind: Literal["added", "removed", "changed"]
    what: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Messages that are as they were."""

    messages: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All that is not as it was."""

    settings: tuple[Change, ...]
    """The model that is asked for, and the generation settings."""
    system: Change | None
    tools: tuple[Change, ...]
    messages: tuple[Change | Kept, ...]
    """In their order; what was only added at the end is not among them."""
    appended: tuple[Change, ...]
    """What stands after all that was there before: how a conversation goes on."""

    @property
    def all(self) -> list[Change]:
        """Every change, in the order of the fields."""
        of_messages = [each for each in self.messages if isinstance(each, Change)]
        system = [] if self.system is None else [self.system]
        return [*self.settings, *system, *self.tools, *of_messages, *self.appended]

    @property
    def is_addition(self) -> bool:
        """Whether all that was there before is there still, word for word."""
        changed = any(isinstance(each, Change) for each in self.messages)
        return not (self.settings or self.system or self.tools or changed)


def changes_between(
    before: Conversation, after: Conversation, settings_before: Mapping[str, Json], settings_after: Mapping[str, Json]
) -> Changes:
    """What is new, gone or different in what the second turn gives the model."""
    messages, appended = _compared([_told(message) for message in before.messages], [_told(m) for m in after.prompt])
    return Changes(
        settings=tuple(
            _members(
                "",
                _value_texts({**settings_before, "cached content": before.cache}),
                _value_texts({**settings_after, "cached content": after.cache}),
            )
        ),
        system=_change("System instruction", before.system or "", after.system or ""),
        tools=tuple(_members("Tool ", _tool_texts(before), _tool_texts(after))),
        messages=messages,
        appended=appended,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """A message as text."""

    role: Role
    text: str


def _told(message: Message) -> _Told:
    """Thoughts are left out: clients rarely send them again, and that they do not is no change of theirs."""
    lines = [line for part in joined(sent_again(message.parts)) for line in _part_lines(part)]
    return _Told(message.role, "\n".join(lines))


def _part_lines(part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield from text.splitlines()
        case Call(name, arguments):
            yield f"calls {name}"
            yield from value_lines(arguments, "  ")
        case Result(content, name, media=media):
            yield f"result of {name}" if name else "result"
            yield from value_lines(content, "  ")
            for each in media:
                yield from _part_lines(each)
        case Media(mime_type, uri, base64, cut):
            content = base64 or ""
            told_apart = blake2b(content.encode("utf-8", "replace"), digest_size=6).hexdigest()
            yield f"[{mime_type}: {uri or f'{len(content) * 3 // 4} bytes, {told_apart}'}]"
            if cut is not None:
                yield from value_lines(cut, "  ")
        case Other(kind, value):
            yield kind
            yield from value_lines(value, "  ")


def value_lines(value: Json, indent: str = "") -> Iterator[str]:
    """A JSON value a line a member, texts of several lines as they are."""
    match value:
        case dict():
            for name, each in value.items():
                yield from _named_lines(f"{name}:", each, indent)
        case list():
            for each in value:
                yield from _named_lines("-", each, indent)
        case str():
            yield from (indent + line for line in value.splitlines() or [""])
        case _:
            yield indent + json.dumps(value, ensure_ascii=False)


def _named_lines(name: str, value: Json, indent: str) -> Iterator[str]:
    if (isinstance(value, dict | list) and value) or (isinstance(value, str) and "\n" in value):
        yield indent + name
        yield from value_lines(value, indent + "  ")
    else:
        yield f"{indent}{name} {as_json_text(value)}"


def _value_texts(settings: Mapping[str, Json]) -> dict[str, str]:
    return {name: "\n".join(value_lines(value)) for name, value in settings.items() if value is not None}


def _tool_texts(conversation: Conversation) -> dict[str, str]:
    built_in = {tool.name: "\n".join(["built in", *value_lines(tool.settings)]) for tool in conversation.built_in}
    return built_in | {
        tool.name: "\n".join([*(tool.description or "").splitlines(), *value_lines(tool.parameters)])
        for tool in conversation.tools
    }


def _members(title: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """By name: what is gone, what differs and what is new."""
    for name in {**before, **after}:
        change = _change(f"{title}{name}", before.get(name), after.get(name))
        if change is not None:
            yield change


def _change(what: str, before: str | None, after: str | None) -> Change | None:
    if before == after:
        return None
    kind: Literal["added", "removed", "changed"] = "added" if not before else "removed" if not after else "changed"
    return Change(kind, what, tuple(line_changes((before or "").splitlines(), (after or "").splitlines())))


def _compared(before: Sequence[_Told], after: Sequence[_Told]) -> tuple[tuple[Change | Kept, ...], tuple[Change, ...]]:
    """The messages one by one, and what stands after the last that was there before."""
    found: list[Change | Kept] = []
    appended: list[Change] = []
    for tag, i1, i2, j1, j2 in opcodes(before, after):
        old, new = before[i1:i2], after[j1:j2]
        if tag == "equal":
            found.append(Kept(i2 - i1))
            continue
        pairs = min(len(old), len(new)) if [m.role for m in old[: len(new)]] == [m.role for m in new[: len(old)]] else 0
        for offset in range(pairs):
            change = _change(_name(new[offset], j1 + offset), old[offset].text, new[offset].text)
            if change is not None:
                found.append(change)
        gone = [_change(_name(each, i1 + n), each.text, None) for n, each in enumerate(old[pairs:], pairs)]
        come = [_change(_name(each, j1 + n), None, each.text) for n, each in enumerate(new[pairs:], pairs)]
        found += [each for each in gone if each is not None]
        at_the_end = i2 == len(before) and j2 == len(after)
        (appended if at_the_end else found).extend(each for each in come if each is not None)
    return tuple(found), tuple(appended)


def _name(message: _Told, number: int) -> str:
    who = {"user": "user", "model": "model", "tool": "tools"}[message.role]
    return f"Message {number + 1}, {who}"
