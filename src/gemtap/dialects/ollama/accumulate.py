"""Accumulates the lines of a streamed answer of Ollama into the answer that it gives with `"stream": false`."""

from __future__ import annotations

from typing import Final

from gemtap.dialects.stream_chunks import Chunk
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, overlay, read_json

_JOINED: Final = ("content", "thinking", "response")
"""Texts that come in pieces: of messages, and of completions at the top."""


def read_lines(body: bytes) -> list[Chunk]:
    """The lines of a body, blank ones left out; the value of a torn one is None."""
    found, end = [], 0
    for line in body.split(b"\n"):
        end += len(line) + 1
        if line.strip():
            found.append(Chunk(read_json(line), min(end, len(body))))
    return found


def has_content(line: Json) -> bool:
    """Whether the line brings something of the answer: text, or a call."""
    fields = as_dict(line)
    return any(
        as_text(each.get(name)) or as_list(each.get("tool_calls"))
        for each in (fields, as_dict(fields.get("message")))
        for name in _JOINED
    )


def has_thoughts(line: Json) -> bool:
    """Whether the line brings thoughts in words."""
    fields = as_dict(line)
    return bool(as_text(fields.get("thinking")) or as_text(as_dict(fields.get("message")).get("thinking")))


def accumulate(lines: list[Json]) -> dict[str, Json]:
    """Texts are joined, calls collected; the last value of everything else stands, the counts of the last line too."""
    response: dict[str, Json] = {}
    message: dict[str, Json] = {}
    top, inside = _Joined(), _Joined()
    for line in lines:
        fields = dict(as_dict(line))
        if isinstance(fields.get("message"), dict):
            response.setdefault("message", message)
            overlay(message, inside.take(dict(as_dict(fields.pop("message")))))
        overlay(response, top.take(fields))
    overlay(message, inside.whole())
    overlay(response, top.whole())
    return response


class _Joined:
    """The fields of a message or a completion whose pieces add up."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._calls: list[Json] = []

    def take(self, fields: dict[str, Json]) -> dict[str, Json]:
        """Keep the pieces, and return the rest."""
        for name in _JOINED:
            if isinstance(fields.get(name), str):
                self._texts.setdefault(name, []).append(fields.pop(name))
        if isinstance(fields.get("tool_calls"), list):
            self._calls += fields.pop("tool_calls")
        return fields

    def whole(self) -> dict[str, Json]:
        """What the pieces add up to."""
        texts: dict[str, Json] = {name: "".join(pieces) for name, pieces in self._texts.items()}
        return {**texts, "tool_calls": self._calls} if self._calls else texts
