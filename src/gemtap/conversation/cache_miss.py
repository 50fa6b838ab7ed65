"""Why a turn got nothing from the provider's cache: pure, from two turns and what the API reported.

Providers cache prefixes of prompts. A turn that only adds messages to the turn before it should find its prefix there.
Where it does not, one of these is the cause, in this order: the prompt is shorter than what providers cache; the model,
the tools, the system instruction or an earlier message changed; the entry expired. What remains is unknown: providers
evict entries, and route requests to machines that do not have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from gemtap.conversation.changes import Change, Changes
from gemtap.conversation.differing import Line
from gemtap.conversation.model import Conversation

MINIMUM: Final = 1_024
"""Tokens below which no provider caches a prompt. Some models need more."""

LARGEST_MINIMUM: Final = 4_096
"""The greatest minimum of a model."""

_MAY_EXPIRE: Final = timedelta(minutes=5)
_HAS_EXPIRED: Final = timedelta(hours=1)
"""Times without use after which providers may drop an entry, and after which they have dropped it."""

Segment = Literal["model", "tools", "system", "history"]

Cause = Literal["below the minimum", "model", "tools", "system", "history", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the API reported of a turn."""

    model: str | None
    input_tokens: int | None
    cached_tokens: int | None


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a turn found nothing in the cache."""

    cause: Cause
    is_certain: bool
    """Whether no other cause is possible."""
    what: str = ""
    """The first part that changed: `Tool search`, `Message 3, user`."""
    place: int | None = None
    """Offset of the first character that differs in that part."""
    tokens: int = 0
    """Input tokens that the turn before had too, and that were billed in full again."""


def miss_between(
    before: Turn, after: Turn, changes: Changes, conversation: Conversation, gap: timedelta
) -> Miss | None:
    """Why `after` found nothing in the cache; None if it did, or if the API reports no tokens.

    `changes` are those from `before` to `after`, `conversation` is that of `after`, `gap` the time between them.
    """
    if after.cached_tokens or after.input_tokens is None or before.input_tokens is None or conversation.cache:
        return None
    again = min(before.input_tokens, after.input_tokens)
    if again < MINIMUM:
        return Miss("below the minimum", is_certain=True)
    if again < LARGEST_MINIMUM and not before.cached_tokens:
        # It may be below the minimum of its model.
        return Miss("unknown", is_certain=False, tokens=again)
    if before.model != after.model:
        return Miss("model", is_certain=True, what=f"{before.model} to {after.model}", tokens=again)
    for segment, changed in _segments(changes):
        if changed:
            first = changed[0]
            return Miss(segment, is_certain=True, what=first.what, place=_place(first.lines), tokens=again)
    if gap > _MAY_EXPIRE:
        return Miss("expired", is_certain=gap > _HAS_EXPIRED, tokens=again)
    return Miss("unknown", is_certain=False, tokens=again)


def _segments(changes: Changes) -> Sequence[tuple[Segment, Sequence[Change]]]:
    """The parts of a prompt from its beginning. A change of one part makes everything after it uncached."""
    system = [] if changes.system is None else [changes.system]
    history = [each for each in changes.messages if isinstance(each, Change)]
    return [("tools", changes.tools), ("system", system), ("history", history)]


def _place(lines: Sequence[Line]) -> int | None:
    """The offset of the first difference, if all lines before it are shown."""
    offset = 0
    for line in lines:
        if line.kind == "left_out":
            return None
        if line.kind != "same":
            return offset + line.marked[0]
        offset += len(line.text) + 1
    return None
