"""Parses the values in a query: numbers with suffixes, durations, money, times, and ranges of these."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from bson import ObjectId

from gemtap.stores.query.fields import Kind
from gemtap.stores.query.filter import Value, Within

_THOUSANDS: Final = {"": 1, "k": 10**3, "m": 10**6}
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_AGO: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_DAY: Final = timedelta(days=1)
_FLAGS: Final = {"yes": True, "true": True, "no": False, "false": False}
_LARGEST: Final = 2**63 - 1
"""The largest number that a store can compare with."""

_OPERATORS: Final = re.compile(r"(>=|<=|>|<|=)(.*)", re.DOTALL)
_STATUS_CLASS: Final = re.compile(r"([1-9])xx", re.IGNORECASE)


class BadValue(ValueError):
    """The text is no value of this kind. The message is a sentence that says what is expected."""


def bounds(kind: Kind, text: str, now: datetime) -> Within | None:
    """Parse `>5`, `1k..2k`, `4xx` or a day into bounds, or return None for a single value. Raises BadValue."""
    if kind in (Kind.FLAG, Kind.ID):
        return None
    operator = _OPERATORS.fullmatch(text)
    if operator is not None:
        return _compared(kind, operator[1], operator[2], now)
    if ".." in text:
        low, _, high = text.partition("..")
        if not low and not high:
            raise BadValue("A range needs an end: 1k..2k, 1k.. or ..2k.")
        return Within(
            at_least=_span(kind, low, now)[0] if low else None,
            **(_up_to(kind, high, now) if high else {}),
        )
    if kind == Kind.NUMBER and (status := _STATUS_CLASS.fullmatch(text)):
        return Within(at_least=int(status[1]) * 100, below=(int(status[1]) + 1) * 100)
    if kind == Kind.TIME:
        start, end = period(text, now)
        return Within(at_least=start, below=end) if start != end else Within(at_least=start, at_most=end)
    return None


def _compared(kind: Kind, operator: str, text: str, now: datetime) -> Within:
    first, after = _span(kind, text, now)
    is_period = first != after
    match operator:
        case ">=":
            return Within(at_least=first)
        case ">":
            return Within(at_least=after) if is_period else Within(above=first)
        case "<":
            return Within(below=first)
        case "<=":
            return Within(**_up_to(kind, text, now))
        case _:
            return Within(at_least=first, **_up_to(kind, text, now))


def _up_to(kind: Kind, text: str, now: datetime) -> dict[str, Value]:
    first, after = _span(kind, text, now)
    return {"below": after} if first != after else {"at_most": first}


def _span(kind: Kind, text: str, now: datetime) -> tuple[Value, Value]:
    """First value of the given one and first value after it. Both are equal if it is a single value."""
    if kind == Kind.TIME:
        return period(text, now)
    value = one_value(kind, text, now)
    return value, value


def one_value(kind: Kind, text: str, now: datetime) -> Value:
    """Parse a single value. Raises BadValue."""
    match kind:
        case Kind.WORD:
            return text
        case Kind.NUMBER:
            return _number(text)
        case Kind.MONEY:
            return float(_decimal(text.removeprefix("$"), f"{text!r} is not an amount of dollars."))
        case Kind.DURATION:
            return _duration(text)
        case Kind.FLAG:
            if text.lower() not in _FLAGS:
                raise BadValue(f"{text!r} must be yes or no.")
            return _FLAGS[text.lower()]
        case Kind.ID:
            if not ObjectId.is_valid(text):
                raise BadValue(f"{text!r} is not an id: ids have 24 hexadecimal digits.")
            return ObjectId(text)
        case Kind.TIME:
            return period(text, now)[0]


def _number(text: str) -> int:
    fault = f"{text!r} is not a number: use digits, and k or M for thousands and millions."
    found = re.fullmatch(r"([\d._]+)([kKmM]?)", text)
    if found is None:
        raise BadValue(fault)
    number = _decimal(found[1], fault) * _THOUSANDS[found[2].lower()]
    if number != int(number):
        raise BadValue(f"{text!r} is not a whole number.")
    if number > _LARGEST:
        raise BadValue(f"{text!r} is too large.")
    return int(number)


def _duration(text: str) -> float:
    fault = f"{text!r} is not a duration: use a number with a unit, ms, s, m or h."
    found = re.fullmatch(r"([\d._]+)(ms|s|m|h)", text)
    if found is None:
        raise BadValue(fault)
    return float(_decimal(found[1], fault) * _MILLISECONDS[found[2]])


def _decimal(text: str, fault: str) -> Decimal:
    if len(text) > 30 or re.fullmatch(r"[\d._]+", text, re.ASCII) is None:
        raise BadValue(fault)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadValue(fault) from None


def period(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of a month or a day. Both are equal for a moment. Raises BadValue.

    Accepts `2026-03`, `2026-03-14`, `today`, `yesterday`, `2026-03-14T12:30:00Z` (UTC if it has no zone), or a time
    relative to `now`: `30m`, `12h`, `7d`, `2w`, `1y`.
    """
    try:
        return _period(text, now)
    except (ValueError, OverflowError):
        raise BadValue(
            f"{text!r} is no time: 7d for seven days ago (s, m, h, d, w, y), today, yesterday, 2026-03, 2026-03-14 or "
            "2026-03-14T12:30:00Z."
        ) from None


def _period(text: str, now: datetime) -> tuple[datetime, datetime]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if text in ("today", "yesterday"):
        start = today if text == "today" else today - _DAY
        return start, start + _DAY
    if found := re.fullmatch(r"(\d{1,6})([smhdwy])", text, re.ASCII):
        ago = now - int(found[1]) * _AGO[found[2]]
        return ago, ago
    if re.fullmatch(r"\d{4}-\d{2}", text, re.ASCII):
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        return start, start + timedelta(days=monthrange(start.year, start.month)[1])
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        start = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return start, start + _DAY
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment, moment
