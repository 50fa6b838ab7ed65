"""Limits and the list of them.

The list is a value: `put` and `remove` return another one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from gemtap.limits.windows import SPANS, Span

Scope = Literal["user", "model", "client", "all"]
Measure = Literal["requests", "concurrent", "tokens", "cost"]

SCOPES: Final[tuple[str, ...]] = get_args(Scope)
MEASURES: Final[tuple[str, ...]] = get_args(Measure)

MOST_LIMITS: Final = 512
"""Limits of one Gemtap: so many entries has the ledger."""

MOST: Final = 10**15
"""The highest amount."""

_VERSION: Final = 1
_ID_BITS: Final = 48
_LONGEST_PATTERN: Final = 200
_PREFIXES: Final = ("model", "client")


class BadLimit(Exception):
    """A limit that is not possible. The message says what to do."""


class Subject(NamedTuple):
    """Whom limits hold for."""

    scope: Scope
    pattern: str
    """A user's name; a pattern of models or clients, with `*`, `?` and `[...]`; empty for `all`."""

    def __str__(self) -> str:
        """As `parse_subject` takes it."""
        match self.scope:
            case "all":
                return "all"
            case "user":
                return self.pattern
        return f"{self.scope}:{self.pattern}"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: so much of one measure in each window, for one subject."""

    id: int
    """Random, below 2**48. It stays when the amount is changed."""
    slot: int
    """Its place in the ledger, below `MOST_LIMITS`. Another limit may have it once this one is gone."""
    scope: Scope
    pattern: str
    measure: Measure
    amount: int
    """Requests, tokens, or micro-dollars; at once for `concurrent`."""
    span: Span | None
    """The length of a window; None for `concurrent` only."""
    created: str
    """ISO 8601, UTC."""

    @property
    def subject(self) -> Subject:
        """Whom it holds for."""
        return Subject(self.scope, self.pattern)

    @property
    def shown(self) -> str:
        """The amount as `parse_amount` takes it: `60/minute`, `8`, `10usd/day`."""
        return show_amount(self.measure, self.amount, self.span)

    def __str__(self) -> str:
        """For people: `cost of ana, 10usd/day`."""
        of = "everything" if self.scope == "all" else str(self.subject)
        return f"{self.measure} of {of}, {self.shown}"


@dataclass(frozen=True, slots=True)
class LimitList:
    """All limits of a Gemtap, in the order in which they were set."""

    limits: tuple[Limit, ...] = ()

    def of(self, subject: Subject) -> list[Limit]:
        """Those of one subject."""
        return [each for each in self.limits if _same(each.subject, subject)]

    def to_json(self) -> dict[str, Any]:
        """As files and MongoDB have it."""
        return {"version": _VERSION, "limits": [asdict(each) for each in self.limits]}


def from_json(value: Any) -> LimitList:
    """The list of `LimitList.to_json`. Raises ValueError for anything else."""
    try:
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']} is not known: update Gemtap")
        limits = tuple(_limit(each) for each in value["limits"])
    except (KeyError, TypeError) as exc:
        raise ValueError(f"it is no list of limits ({type(exc).__name__})") from exc
    for name in ("id", "slot"):
        if len({getattr(each, name) for each in limits}) < len(limits):
            raise ValueError(f"two limits have one {name}")
    return LimitList(limits)


def _limit(value: Mapping[str, Any]) -> Limit:
    limit = Limit(**value)
    for each, most in ((limit.id, 2**_ID_BITS - 1), (limit.slot, MOST_LIMITS - 1), (limit.amount, MOST)):
        if type(each) is not int or not 0 <= each <= most:
            raise ValueError("a number of a limit is out of range")
    known = limit.scope in SCOPES and limit.measure in MEASURES and isinstance(limit.pattern, str)
    if not known or (limit.span is None) is not (limit.measure == "concurrent"):
        raise ValueError("a limit has an unknown scope, measure or window")
    if limit.span is not None and limit.span not in SPANS:
        raise ValueError("a limit has an unknown window")
    return limit


def parse_subject(text: str) -> Subject:
    """`ana`, `model:gemini-*`, `client:aider` or `all`. Raises BadLimit."""
    prefix, colon, pattern = text.partition(":")
    if not colon and text.lower() == "all":
        return Subject("all", "")
    if not colon or prefix.lower() == "user":  # as in queries
        text = pattern if colon else text
        if text.lower() == "all" or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", text):
            raise BadLimit(
                f"{text[:100]!r} is no user's name. Limits are for a user, model:PATTERN, client:PATTERN or all."
            )
        return Subject("user", text)
    if prefix.lower() not in _PREFIXES:
        raise BadLimit(f"Unknown {prefix[:100]!r} before the colon. Limits are for model:PATTERN or client:PATTERN.")
    if not pattern.strip() or len(pattern) > _LONGEST_PATTERN or not pattern.isprintable():
        raise BadLimit(
            f"{prefix.lower()}: needs a name or a pattern, such as {prefix.lower()}:*, of up to 200 characters."
        )
    return Subject(cast(Scope, prefix.lower()), pattern.strip())


_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_AMOUNT: Final = re.compile(
    r"(?P<dollar>\$)?(?P<whole>\d{1,16})(?:\.(?P<part>\d{1,6}))? ?(?P<unit>[kmgb]?) ?(?P<usd>usd)?"
    r"(?: ?(?:/|per) ?(?P<span>[a-z]+))?",
    re.IGNORECASE | re.ASCII,
)
_SPAN_WORDS: Final[Mapping[str, Span]] = {
    **{span: cast(Span, span) for span in SPANS},
    "s": "second",
    "sec": "second",
    "min": "minute",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "mo": "month",
}
_COUNTED: Final = {
    "requests": "requests",
    "concurrent": "concurrent requests",
    "tokens": "tokens",
    "cost": "US dollars",
}
_EXAMPLES: Final = {"requests": "60/minute", "concurrent": "8", "tokens": "5M/day", "cost": "10usd/day"}


def parse_amount(measure: Measure, text: str) -> tuple[int, Span | None]:
    """Amount and window of `60/minute`, `8`, `5M/day` or `10usd/day`; cost is in micro-dollars. Raises BadLimit."""
    bad = BadLimit(
        f"{text[:100]!r} is no amount of {_COUNTED[measure]}: it must be like {_EXAMPLES[measure]}"
        + (", with second, minute, hour, day or month after the slash." if measure != "concurrent" else ".")
    )
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or bool(found["dollar"] or found["usd"]) is not (measure == "cost"):
        raise bad
    word = found["span"]
    span = _SPAN_WORDS.get(word.lower()) if word is not None else None
    if (span is None) is not (measure == "concurrent") or (word is not None and span is None):
        raise bad
    unit = _UNITS[found["unit"].lower()] * (10**6 if measure == "cost" else 1)
    part = found["part"] or ""
    amount, left = divmod(int(found["whole"] + part) * unit, 10 ** len(part))
    if left:
        raise bad
    if amount > MOST:
        raise BadLimit(f"{text[:100]!r} is more than Gemtap can count.")
    return amount, span


def show_number(measure: Measure, amount: int) -> str:
    """An amount for people: `1.5M`, `10usd`, `8`."""
    if measure == "cost":
        return f"{_decimal(amount, 10**6, least=2)}usd"
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if measure == "tokens" and amount >= unit and amount % max(unit // 1000, 1000) == 0:
            return f"{_decimal(amount, unit)}{name}"
    return str(amount)


def _decimal(amount: int, unit: int, *, least: int = 0) -> str:
    """An amount in this unit, exactly; `least`: digits after the point, if there are any."""
    whole, part = divmod(amount, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits.ljust(least, '0')}" if part else str(whole)


def show_amount(measure: Measure, amount: int, span: Span | None) -> str:
    """An amount in a window, as `parse_amount` takes it."""
    return show_number(measure, amount) + (f"/{span}" if span is not None else "")


def refusal_of(limit: Limit) -> str:
    """The beginning of what a client is told whose request a limit refuses."""
    return f"A limit of this Gemtap is reached: {limit}. "


def put(before: LimitList, subject: Subject, measure: Measure, amount: int, span: Span | None) -> LimitList:
    """The list with a limit; one of the same subject, measure and window gets the new amount and keeps its count.

    Raises BadLimit.
    """
    for each in before.limits:
        if _same(each.subject, subject) and (each.measure, each.span) == (measure, span):
            changed = replace(each, amount=amount)
            return LimitList(tuple(changed if other is each else other for other in before.limits))
    taken = {each.slot for each in before.limits}
    slot = next((number for number in range(MOST_LIMITS) if number not in taken), None)
    if slot is None:
        raise BadLimit(f"There are {MOST_LIMITS} limits, and no more are possible. Remove one: gemtap limits unset.")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    added = Limit(_new_id({each.id for each in before.limits}), slot, *subject, measure, amount, span, now)
    return LimitList((*before.limits, added))


def remove(
    before: LimitList, subject: Subject, measure: Measure | None = None, span: Span | None = None
) -> tuple[LimitList, list[Limit]]:
    """The list without the limits of a subject, or only those of a measure and window; and those. Raises BadLimit."""
    gone = [
        each for each in before.of(subject) if measure in (None, each.measure) and (span is None or each.span == span)
    ]
    if not gone:
        what = f"limit of {measure}" if measure is not None else "limit"
        known = ", ".join(dict.fromkeys(str(each.subject) for each in before.limits)) or "nothing"
        raise BadLimit(f"There is no {what} for {subject}. There are limits for: {known}.")
    return LimitList(tuple(each for each in before.limits if each not in gone)), gone


def _same(one: Subject, other: Subject) -> bool:
    return one.scope == other.scope and one.pattern.lower() == other.pattern.lower()


def _new_id(taken: Collection[int]) -> int:
    while True:
        # Random: the ids of a list that was deleted are in documents, and must not mean another limit.
        id_ = secrets.randbits(_ID_BITS)
        if id_ and id_ not in taken:
            return id_
