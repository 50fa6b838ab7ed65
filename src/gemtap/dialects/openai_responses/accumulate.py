"""Accumulates the events of a streamed response into one `response`.

After https://platform.openai.com/docs/api-reference/responses-streaming. The last events about the response as a whole
have all of it. A stream that breaks off before, or a server whose last event lacks the items, has them in pieces.
"""

from __future__ import annotations

from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count, overlay

ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete", "response.cancelled"})
"""The last events of a response."""

_TEXTS: Final = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
"""Events with a piece of a text that stands in the item itself, and the text's name."""

_DIFF: Final = "response.apply_patch_call_operation_diff.delta"
_COMMAND: Final = "response.shell_call_command.delta"
_SHELL_OUTPUT: Final = "response.shell_call_output_content.done"

_IN_PARTS: Final = {
    "response.output_text.delta": ("content", "output_text", "text"),
    "response.refusal.delta": ("content", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "text"),
    # These are events of sessions; the first version of the Realtime API has other names.
    "response.output_audio_transcript.delta": ("content", "output_audio", "transcript"),
    "response.audio_transcript.delta": ("content", "output_audio", "transcript"),
    "response.text.delta": ("content", "output_text", "text"),
}
"""Events with a piece of a text that stands in a part of the item: the list of parts, the part's type, the name."""

_PARTS: Final = {
    "response.content_part.added": "content",
    "response.content_part.done": "content",
    "response.reasoning_summary_part.added": "summary",
    "response.reasoning_summary_part.done": "summary",
}
_WHOLE_PART: Final = frozenset({"response.content_part.done", "response.reasoning_summary_part.done"})

_MOST_PARTS: Final = 10_000
"""An index that is larger is no index."""


def has_content(event: Json) -> bool:
    """Whether the event brings something of the answer."""
    fields = as_dict(event)
    kind = as_text(fields.get("type")) or ""
    is_answer = kind.startswith(("response.", "session.output_"))
    return is_answer and kind.endswith(".delta") and bool(fields.get("delta"))


def has_thoughts(event: Json) -> bool:
    """Whether the event brings thoughts in words."""
    return (as_text(as_dict(event).get("type")) or "").startswith("response.reasoning") and has_content(event)


def accumulate(events: list[Json]) -> dict[str, Json]:
    """Accumulate events into a response: the last value of each of its fields, and its items by `output_index`."""
    response: dict[str, Json] = {}
    items: dict[int, _Item] = {}
    sound: dict[str, list[str]] = {}
    for event in events:
        fields = as_dict(event)
        overlay(response, as_dict(fields.get("response")))
        kind = as_text(fields.get("type")) or ""
        if kind in ("response.audio.delta", "response.audio.transcript.delta"):
            name = "transcript" if "transcript" in kind else "data"
            sound.setdefault(name, []).append(as_text(fields.get("delta")) or "")
        elif "output_index" in fields:
            items.setdefault(count(fields["output_index"]) or 0, _Item()).add(kind, fields)
    if items and not as_list(response.get("output")):
        response["output"] = [items[index].finish() for index in sorted(items)]
    if sound:
        response["audio"] = {name: "".join(pieces) for name, pieces in sound.items()}
    return response


class _Item:
    """One item of the output under construction."""

    def __init__(self) -> None:
        self._fields: dict[str, Json] = {}
        self._texts: dict[tuple[str, int, str], list[str]] = {}
        """Pieces of texts by the list of parts (empty: none), the index in it, and the text's name."""
        self._parts: dict[tuple[str, int], dict[str, Json]] = {}
        self._diff: list[str] = []
        self._commands: dict[int, list[str]] = {}

    def add(self, kind: str, event: dict[str, Json]) -> None:
        """An event about this item."""
        if kind == "response.output_item.done":
            # It is whole, whatever came before.
            self._fields, self._texts, self._parts = dict(as_dict(event.get("item"))) or self._fields, {}, {}
            self._diff, self._commands = [], {}
        elif kind == "response.output_item.added":
            overlay(self._fields, as_dict(event.get("item")))
        elif kind in _TEXTS:
            self._append(("", 0, _TEXTS[kind]), event.get("delta"))
        elif kind in _IN_PARTS:
            parts, type_, name = _IN_PARTS[kind]
            place = parts, _index(event, parts)
            self._parts.setdefault(place, {"type": type_, name: ""})
            self._append((*place, name), event.get("delta"))
        elif kind in _PARTS:
            self._add_part(_PARTS[kind], event, whole=kind in _WHOLE_PART)
        elif kind == _DIFF:
            self._diff.append(as_text(event.get("delta")) or "")
        elif kind == _COMMAND:
            self._commands.setdefault(_index(event, "command"), []).append(as_text(event.get("delta")) or "")
        elif kind == _SHELL_OUTPUT:
            self._fields["output"] = [*as_list(self._fields.get("output")), *as_list(event.get("output"))]
        elif kind == "response.output_text.annotation.added":
            part = self._parts.setdefault(("content", _index(event, "content")), {"type": "output_text", "text": ""})
            part["annotations"] = [*as_list(part.get("annotations")), event.get("annotation")]

    def _add_part(self, name: str, event: dict[str, Json], *, whole: bool) -> None:
        place = name, _index(event, name)
        part = dict(as_dict(event.get("part")))
        if whole and part:
            self._parts[place] = part
            self._texts = {key: pieces for key, pieces in self._texts.items() if key[:2] != place}
        else:
            self._parts.setdefault(place, part)

    def _append(self, place: tuple[str, int, str], delta: Json) -> None:
        if isinstance(delta, str):
            self._texts.setdefault(place, []).append(delta)

    def finish(self) -> dict[str, Json]:
        """The item, its texts and parts put together."""
        for (name, index, text), pieces in self._texts.items():
            into = self._parts[name, index] if name else self._fields
            into[text] = "".join(pieces)
        for name in {name for name, _ in self._parts}:
            own = [self._parts[place] for place in sorted(self._parts) if place[0] == name]
            self._fields[name] = own
        if self._diff:
            self._fields["operation"] = {**as_dict(self._fields.get("operation")), "diff": "".join(self._diff)}
        if self._commands:
            commands: list[Json] = ["".join(self._commands[index]) for index in sorted(self._commands)]
            self._fields["action"] = {**as_dict(self._fields.get("action")), "commands": commands}
        return self._fields


def _index(event: dict[str, Json], name: str) -> int:
    index = count(event.get(f"{name}_index")) or 0
    return min(index, _MOST_PARTS)
