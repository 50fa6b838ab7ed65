"""The turns of a thread as a page shows them: the main line, with failed attempts and branches beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gemtap.interaction import NO_TOKENS, Outcome

_SHRANK: Final = 0.9
"""Share of the previous turn's input tokens below which the client has shortened the conversation."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. `item` is its interaction as the API lists it, without bodies."""

    item: dict[str, Any]
    kind: Literal["way", "retry", "branch"]
    """`way`: on the main line; `retry`: the same prompt as a turn of the main line; `branch`: another continuation."""
    shrank_by: int
    """By how many tokens the context shrank since the previous turn. 0 if it grew or stayed."""
    lost_cache: bool
    """Whether the previous turn had cached input tokens and this one has none."""

    @property
    def failed_attempt(self) -> bool:
        """Whether it failed beside a turn of the main line with the same prompt."""
        return self.kind == "retry" and (bool(self.item["error"]) or self.item["outcome"] != Outcome.COMPLETE)

    @property
    def number(self) -> int:
        """The number of the turn along its own line."""
        return int(self.item["thread"]["turn"])


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals over all turns, including failed attempts and branches."""

    tokens: dict[str, int | None]
    usd: float | None
    duration_ms: float
    most_input: int


def turns_of(items: Sequence[dict[str, Any]]) -> list[Turn]:
    """The turns of one thread, oldest first. The items may have any order."""
    ordered = sorted(items, key=lambda item: (item["timestamp"], item["id"]))
    by_id = {item["id"]: item for item in ordered}
    way = _way(ordered, by_id)
    asked_on_the_way = {_question(by_id[id_]) for id_ in way}
    turns = []
    for item in ordered:
        beside: Literal["retry", "branch"] = "retry" if _question(item) in asked_on_the_way else "branch"
        before = by_id.get(item["thread"]["parent"])
        turns.append(Turn(item, "way" if item["id"] in way else beside, *_compared(before, item)))
    return turns


def _way(ordered: Sequence[dict[str, Any]], by_id: dict[Any, dict[str, Any]]) -> set[Any]:
    """The turns of the longest line. Among equally long lines an answered one wins, then the later one."""
    if not ordered:
        return set()
    best = max(_rank(item) for item in ordered)
    at: dict[str, Any] | None = [item for item in ordered if _rank(item) == best][-1]
    way: set[Any] = set()
    while at is not None and at["id"] not in way:
        way.add(at["id"])
        at = by_id.get(at["thread"]["parent"])
    return way


def _rank(item: dict[str, Any]) -> tuple[int, bool]:
    return item["thread"]["turn"], item["outcome"] == Outcome.COMPLETE and not item["error"]


def _question(item: dict[str, Any]) -> tuple[Any, ...]:
    """A key that is equal for repetitions of the same prompt."""
    return item["thread"]["parent"], item["thread"]["new_messages"], item["preview"]["prompt"]


def _compared(before: dict[str, Any] | None, item: dict[str, Any]) -> tuple[int, bool]:
    if before is None:
        return 0, False
    sent, sent_before = item["tokens"]["input"], before["tokens"]["input"]
    shrank = sent is not None and sent_before is not None and sent < sent_before * _SHRANK
    lost = bool(before["tokens"]["cached"]) and sent is not None and not item["tokens"]["cached"]
    return (sent_before - sent if shrank else 0), lost


def sums_of(turns: Sequence[Turn]) -> Sums:
    """The totals of the turns."""
    told = {kind: [n for turn in turns if (n := turn.item["tokens"].get(kind)) is not None] for kind in NO_TOKENS}
    costs = [usd for turn in turns if turn.item["cost"] and (usd := turn.item["cost"]["usd"]) is not None]
    return Sums(
        tokens={kind: sum(numbers) if numbers else None for kind, numbers in told.items()},
        usd=sum(costs) if costs else None,
        duration_ms=sum(turn.item["request_duration_ms"] or 0 for turn in turns),
        most_input=max(told["input"], default=0),
    )
