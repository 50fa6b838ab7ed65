"""Inline charts as numbers for SVG elements: bars of tokens, and a waterfall of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gemtap.interaction import ChunkTimes, Context, Tokens

_COLUMNS: Final = 160
"""Number of columns for the chunks of an answer, since thousands of chunks would be thinner than a pixel."""


@dataclass(frozen=True, slots=True)
class Band:
    """A segment of a bar: its start and width in percent."""

    kind: str
    """A class of the style sheet, which sets the colour."""
    label: str
    x: float
    width: float
    tokens: int


def token_bands(tokens: Tokens) -> list[Band]:
    """Input from and to a cache, new input, tool use, reasoning and output tokens as one bar."""
    given, cached, written = tokens["input"] or 0, tokens["cached"] or 0, tokens.get("cache_write") or 0
    if tokens["input"] is None:
        given = written  # The operation only creates a cache.
    cached = min(cached, given)
    written = min(written, given - cached)
    parts = [
        ("t-cached", "cached", cached),
        ("t-cache-write", "written to the cache", written),
        ("t-input", "new input", given - cached - written),
        ("t-tool", "tool use", tokens["tool_use"] or 0),
        ("t-reasoning", "thinking", tokens["reasoning"] or 0),
        ("t-output", "output", tokens["output"] or 0),
    ]
    return _bands(parts)


def context_bands(context: Context | None) -> list[Band]:
    """The sources of the input tokens as one bar."""
    if context is None:
        return []
    return _bands(
        [
            ("k-1", "system instruction", context["system"]),
            ("k-2", "tool definitions", context["tools"]),
            ("k-3", "images and files", context["media"]),
            ("k-4", "tool results", context["results"]),
            ("k-5", "earlier messages", context["history"]),
            ("k-6", "new messages", context["new"]),
        ]
    )


def _bands(parts: Sequence[tuple[str, str, int]]) -> list[Band]:
    whole = sum(number for *_, number in parts)
    bands, x = [], 0.0
    for kind, label, number in parts:
        if number:
            width = 100 * number / whole
            bands.append(Band(kind, label, round(x, 2), round(width, 2), number))
            x += width
    return bands


@dataclass(frozen=True, slots=True)
class Column:
    """Bytes that arrived in one slice of time, in percent."""

    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The phases of an exchange, in percent of its duration."""

    first_byte: float
    first_token: float
    columns: list[Column]
    longest_gap: float


def waterfall(duration: float | None, timing: dict[str, Any], chunks: ChunkTimes | None) -> Waterfall | None:
    """The waterfall of an exchange, or None if nothing was sent or nothing arrived."""
    if not duration or timing["first_byte_ms"] is None:
        return None

    def percent(moment: float | None) -> float:
        return round(100 * min(max(moment or 0, 0), duration) / duration, 2)

    first_byte = percent(timing["first_byte_ms"])
    first_token = percent(timing["first_token_ms"]) if timing["first_token_ms"] is not None else first_byte
    return Waterfall(first_byte, first_token, _columns(chunks, duration), percent(timing["longest_gap_ms"]))


def _columns(chunks: ChunkTimes | None, duration: float) -> list[Column]:
    if chunks is None or not chunks["at_ms"]:
        return []
    sums: dict[int, int] = {}
    for at, size in zip(chunks["at_ms"], chunks["bytes"], strict=True):
        slot = min(int(max(at, 0) / duration * _COLUMNS), _COLUMNS - 1)
        sums[slot] = sums.get(slot, 0) + size
    tallest = max(sums.values()) or 1
    width = 100 / _COLUMNS
    return [
        # Even the smallest chunk must be visible.
        Column(round(slot * width, 2), round(width * 0.7, 2), round(max(100 * size / tallest, 12), 1))
        for slot, size in sorted(sums.items())
    ]
