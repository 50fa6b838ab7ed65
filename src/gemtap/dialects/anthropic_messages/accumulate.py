"""Accumulates the events of a streamed message into the message that the API returns without streaming.

After https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

import json
from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, count, overlay

_TEXTS: Final = {"text_delta": "text", "thinking_delta": "thinking"}
"""Deltas that continue a text of their block, and its name in both."""

_ENVELOPE: Final = frozenset({"type", "delta", "usage", "index", "message", "content_block"})

_STARTS_EMPTY: Final = frozenset({"text", "thinking"})
"""Blocks that begin without content; the others say in their first event what is called or has come back."""


def has_content(event: Json) -> bool:
    """Whether the event brings something of the answer: text, thinking, a call or its input."""
    fields = as_dict(event)
    if fields.get("type") == "content_block_start":
        return as_dict(fields.get("content_block")).get("type") not in (None, *_STARTS_EMPTY, "fallback")
    if fields.get("type") == "message_start":
        return bool(as_list(as_dict(fields.get("message")).get("content")))
    delta = as_dict(fields.get("delta"))
    return any(as_text(delta.get(name)) for name in ("text", "thinking", "partial_json")) or (
        fields.get("type") == "completion" and as_text(fields.get("completion")) is not None
    )


def has_thoughts(event: Json) -> bool:
    """Whether the event brings thinking in words."""
    return as_text(as_dict(as_dict(event).get("delta")).get("thinking")) is not None


def accumulate(events: list[Json]) -> dict[str, Json]:
    """Accumulate events into a message.

    The usage of a `message_delta` is cumulative: its counts replace those of `message_start`, which stay where it has
    none. The blocks of `message_start` are those that code of the model's went on to bring without sampling. Another
    model may take over in the middle: the message is that model's then. Events of a type that is not known change
    nothing.
    """
    message: dict[str, Json] = {}
    blocks: dict[int, _Block] = {}
    for event in events:
        fields = as_dict(event)
        index = count(fields.get("index")) or 0
        match fields.get("type"):
            case "message_start":
                overlay(message, as_dict(fields.get("message")))
                begun = as_list(message.get("content"))
                blocks |= {number: _Block(as_dict(block)) for number, block in enumerate(begun)}
            case "content_block_start":
                block = as_dict(fields.get("content_block"))
                blocks[index] = _Block(block)
                if block.get("type") == "fallback":
                    overlay(message, {"model": as_dict(block.get("to")).get("model")})
            case "content_block_delta":
                blocks.setdefault(index, _Block({})).add(as_dict(fields.get("delta")))
            case "message_delta":
                overlay(message, {name: value for name, value in fields.items() if name not in _ENVELOPE})
                overlay(message, as_dict(fields.get("delta")))
                usage = dict(as_dict(message.get("usage")))
                overlay(usage, as_dict(fields.get("usage")))
                if usage:
                    message["usage"] = usage
    if blocks:
        message["content"] = [blocks[index].finish() for index in sorted(blocks)]
    return message


def accumulate_completion(events: list[Json]) -> dict[str, Json]:
    """Accumulate the events of the legacy text completions."""
    completion: dict[str, Json] = {}
    texts = []
    for event in events:
        fields = as_dict(event)
        if fields.get("type") == "completion":
            texts.append(as_text(fields.get("completion")) or "")
            overlay(completion, fields)
    return {**completion, "completion": "".join(texts)} if completion else completion


class _Block:
    """One block of content under construction."""

    def __init__(self, start: dict[str, Json]) -> None:
        self._fields = dict(start)
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []

    def add(self, delta: dict[str, Json]) -> None:
        match delta.get("type"):
            case "input_json_delta":
                self._input.append(as_text(delta.get("partial_json")) or "")
            case "citations_delta":
                self._fields["citations"] = [*as_list(self._fields.get("citations")), delta.get("citation")]
            case str() as kind if kind in _TEXTS:
                name = _TEXTS[kind]
                start = self._fields.get(name)
                texts = self._texts.setdefault(name, [start] if isinstance(start, str) else [])
                texts.append(as_text(delta.get(name)) or "")
            case _:
                # Signatures and compactions come whole.
                overlay(self._fields, {name: value for name, value in delta.items() if name != "type"})

    def finish(self) -> dict[str, Json]:
        self._fields |= {name: "".join(texts) for name, texts in self._texts.items()}
        written = "".join(self._input)
        if written:
            self._fields["input"] = _input(written)
        return self._fields


def _input(written: str) -> Json:
    """The input of a call. With fine-grained streaming the model's text may be no JSON: then it stays text."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written
