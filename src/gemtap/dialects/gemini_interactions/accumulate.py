"""Accumulates the events of a streamed interaction of Gemini's Interactions API into one resource.

After `InteractionSSEEvent` in Google's API reference: `interaction.created`, `step.start`, `step.delta`, `step.stop`,
`interaction.completed`; each event repeats its type as `event_type`.
"""

from __future__ import annotations

from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, count, json_or_text, overlay

_OF_THE_INTERACTION: Final = ("status", "usage", "error")
"""Members of events about the whole interaction besides `interaction`; `usage` is cumulative."""

_CONTENTS: Final = frozenset({"text", "image", "audio", "video", "document"})


def accumulate(events: list[Json]) -> dict[str, Json]:
    """Accumulate events: the last value of each field that is not null, and the steps by index."""
    interaction: dict[str, Json] = {}
    steps: dict[int, _Step] = {}
    for event in events:
        fields = as_dict(event)
        overlay(interaction, as_dict(fields.get("interaction")))
        overlay(interaction, {name: fields[name] for name in _OF_THE_INTERACTION if name in fields})
        if isinstance(fields.get("step"), dict) or isinstance(fields.get("delta"), dict):
            step = steps.setdefault(count(fields.get("index")) or 0, _Step())
            step.begin(as_dict(fields.get("step")))
            step.add(as_dict(fields.get("delta")))
    if steps and not as_list(interaction.get("steps")):
        interaction["steps"] = [steps[index].finish() for index in sorted(steps)]
    return interaction


class _Step:
    """One step under construction."""

    def __init__(self) -> None:
        self._fields: dict[str, Json] = {}
        self._texts: dict[tuple[str, int], list[str]] = {}
        """The pieces of texts by list and position, joined at the end: long texts come in many."""
        self._arguments: list[str] = []

    def begin(self, step: dict[str, Json]) -> None:
        """Take over what the step begins with."""
        overlay(self._fields, {name: _copy(value) for name, value in step.items()})

    def add(self, delta: dict[str, Json]) -> None:
        """Merge a piece: by its type into a list of contents, else field by field, as signatures come."""
        match delta.get("type"):
            case str(kind) if kind in _CONTENTS:
                self._append("content", delta)
            case "thought_summary":
                self._append("summary", as_dict(delta.get("content")))
            case "text_annotation_delta":
                self._annotate(as_list(delta.get("annotations")))
            case "arguments_delta" if isinstance(delta.get("arguments"), str):
                self._arguments.append(delta["arguments"])
            case _:
                overlay(self._fields, {name: value for name, value in delta.items() if name != "type"})

    def finish(self) -> dict[str, Json]:
        """The step, its texts and arguments put together."""
        for (name, position), pieces in self._texts.items():
            self._fields[name][position]["text"] = "".join(pieces)
        if self._arguments:
            text = "".join(self._arguments)
            value = json_or_text(text)
            self._fields["arguments"] = value if isinstance(value, dict) else text
        return self._fields

    def _append(self, name: str, content: dict[str, Json]) -> None:
        """Add a content to a list. Plain text is appended to a text at its end."""
        contents = self._list(name)
        is_text = content.keys() == {"type", "text"} and isinstance(content["text"], str)
        if is_text and contents and isinstance(as_dict(contents[-1]).get("text"), str):
            place = name, len(contents) - 1
            self._texts.setdefault(place, [contents[-1]["text"]]).append(content["text"])
        else:
            contents.append(dict(content))

    def _annotate(self, annotations: list[Json]) -> None:
        contents = self._list("content")
        last = as_dict(contents[-1]) if contents else {}
        if "text" not in last:
            contents.append(last := {"type": "text", "text": ""})
        last["annotations"] = [*as_list(last.get("annotations")), *annotations]

    def _list(self, name: str) -> list[Json]:
        if not isinstance(self._fields.get(name), list):
            self._fields[name] = []
        contents: list[Json] = self._fields[name]
        return contents


def _copy(value: Json) -> Json:
    """A list of contents to which others can be added, and texts to those that it has."""
    return [dict(each) if isinstance(each, dict) else each for each in value] if isinstance(value, list) else value
