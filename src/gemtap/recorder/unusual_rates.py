"""Rates that tell of a loop: the same request again and again, or one context that grows and grows.

Each is told once, and again after an hour if it goes on. Times are those of the requests, so that a backlog after an
outage tells the same. Nothing is refused for it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from gemtap.incident import Incident, IncidentKind, now
from gemtap.interaction import Interaction, Outcome
from gemtap.stores.base import Record

SAME: Final = 20
WITHIN: Final = timedelta(minutes=5)
"""So many equal requests in this time are a loop."""

TURNS: Final = 60
TURNS_WITHIN: Final = timedelta(minutes=10)
GROWTH: Final = 2
"""So many turns of one thread in this time, the last with so many times the input tokens of the first, are one too."""

_AGAIN: Final = timedelta(hours=1)
_REMEMBERED: Final = 5_000
"""Requests and threads that are watched at a time; the one that was seen longest ago goes first."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Seen:
    """The latest occurrences, oldest first, each with the input tokens."""

    times: deque[tuple[datetime, int]]
    told_at: datetime | None = None


@dataclass(slots=True)
class _Watched(Generic[K]):
    """What is counted by a key, within a length of time."""

    most: int
    within: timedelta
    seen: OrderedDict[K, _Seen] = field(default_factory=OrderedDict)

    def add(self, key: K, at: datetime, tokens: int) -> _Seen | None:
        """Count one more; returns what was seen if it is as often as that, and was not told within the hour."""
        seen = self.seen.setdefault(key, _Seen(deque(maxlen=self.most)))
        self.seen.move_to_end(key)
        while len(self.seen) > _REMEMBERED:
            self.seen.popitem(last=False)
        seen.times.append((at, tokens))
        is_often = len(seen.times) == self.most and at - seen.times[0][0] <= self.within
        if not is_often or (seen.told_at is not None and at - seen.told_at < _AGAIN):
            return None
        return seen


class UnusualRates:
    """Looks at what is recorded, in the order in which it comes."""

    def __init__(self) -> None:
        self._same: _Watched[bytes] = _Watched(SAME, WITHIN)
        self._threads: _Watched[object] = _Watched(TURNS, TURNS_WITHIN)

    def look(self, records: Iterable[Record]) -> list[Incident]:
        """What is unusual about these records, which were stored."""
        found = []
        for record in records:
            document = record.document
            if document["request"]["method"] != "POST" or document["outcome"] == Outcome.INTERRUPTED:
                continue
            found += [each for each in (self._repeated(record), self._growing(document)) if each is not None]
        return found

    def _repeated(self, record: Record) -> Incident | None:
        document = record.document
        if not record.request_raw:
            return None
        client = document["client"]
        key = hashlib.blake2b(record.request_raw, digest_size=16)
        for part in (document["request"]["path"], client["user"], client["key"]):
            key.update(f"\0{part}".encode())
        seen = self._same.add(key.digest(), document["timestamp"], 0)
        if seen is None:
            return None
        seen.told_at = document["timestamp"]
        message = f"{_who(document)} sent the same request {SAME} times within {_length(seen)}. It may be in a loop."
        return _warning(document, message)

    def _growing(self, document: Interaction) -> Incident | None:
        thread, tokens = document["thread"], document["tokens"]["input"]
        if thread is None or not tokens:
            return None
        seen = self._threads.add(thread["id"], document["timestamp"], tokens)
        if seen is None:
            return None
        first = seen.times[0][1]
        if tokens < GROWTH * first:
            return None
        seen.told_at = document["timestamp"]
        message = (
            f"{_who(document)} sent {TURNS} turns of one conversation within {_length(seen)}, and its context grew "
            f"from {first:,} to {tokens:,} tokens. It may be in a loop."
        )
        return _warning(document, message)


def _who(document: Interaction) -> str:
    client = document["client"]
    name = client["name"] or "A client"
    return f"{name} of {client['user']}" if client["user"] else name


def _length(seen: _Seen) -> str:
    seconds = round((seen.times[-1][0] - seen.times[0][0]).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} minutes"


def _warning(document: Interaction, message: str) -> Incident:
    details = {"interaction": str(document["_id"])}
    user = document["client"]["user"]
    if user is not None:
        details["concerns"] = user
    moment = now()
    return {
        # Derived from the interaction: recorded again after a crash, it is the same warning.
        "_id": document["_id"],
        "at": moment,
        "until": moment,
        "kind": IncidentKind.UNUSUAL_RATE,
        "count": 0,
        "message": message,
        "details": details,
    }
