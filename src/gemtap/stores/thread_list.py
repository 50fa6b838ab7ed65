"""Items and orders of lists of threads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypedDict

from bson import ObjectId

from gemtap.interaction import Outcome, Preview

ThreadSort = Literal["latest", "turns", "tokens", "cost"]
"""Descending: the newest, the longest, the most expensive thread first."""


ThreadState = Literal["failed", "blocked", "truncated", "calling", "answered"]
"""How the last interaction of a thread ended: it failed, the API withheld its answer or the rest of it, its answer
reached a limit of tokens, it calls tools, or it is an answer for the person."""

STATE_WORDS: Final[Mapping[ThreadState, str]] = {
    "failed": "failed",
    "blocked": "blocked",
    "truncated": "truncated",
    "calling": "waiting for a tool",
    "answered": "",
}
"""The states as lists show them: where it can be, in the words of `endings`."""


def state_of(last: Mapping[str, Any]) -> ThreadState:
    """The state of a thread by its last interaction, without bodies."""
    # Imported late: the dialects of the providers take as long to load as the rest of a store.
    from gemtap.endings import ending_of

    match ending_of(last).words:
        case "blocked":
            return "blocked"
        case "truncated":
            return "truncated"
    if last["error"] is not None or last["outcome"] != Outcome.COMPLETE:
        return "failed"
    tools = last.get("tool_use")
    return "calling" if tools is not None and tools["calls"] else "answered"


class ThreadItem(TypedDict):
    """One thread. Sums cover the whole thread, even if a filter matches only a part of it."""

    id: ObjectId
    turns: int
    """Number of interactions, with branches and retries."""
    failed: int
    """How many of them have an error."""
    first_at: datetime
    last_at: datetime
    """Times when its first and its last request were received."""
    model: str | None
    client: str | None
    """Model and client of its last interaction."""
    tokens: int | None
    """Sum of the known tokens; None if none are known."""
    cost: float | None
    """Sum of the known costs in US dollars; None if none are known."""
    preview: Preview
    """The first prompt, and the beginning of the last answer."""
    state: ThreadState


class ThreadPage(NamedTuple):
    """One page of a list of threads, and the cursor of the next page."""

    items: list[ThreadItem]
    next: str | None
