"""How much of each limit is used, as commands, pages and the API show it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from gemtap.interaction import iso
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.limits import Measure


def limit_to_json(usage: Usage) -> dict[str, Any]:
    """A limit and its usage as JSON. Amounts are requests, tokens, or micro-dollars for `cost`.

    `start` and `ends` are those of the present window; None for concurrent requests.
    """
    limit, window = usage.limit, usage.window
    return {
        "id": limit.id,
        "subject": str(limit.subject),
        "measure": limit.measure,
        "limit": limit.shown,
        "amount": limit.amount,
        "window": limit.span,
        "used": usage.used,
        "reserved": usage.reserved,
        "others": usage.others,
        "left": max(0, limit.amount - usage.used),
        "percent": round(100 * usage.share, 1),
        "start": None if limit.span is None else _moment(window.start),
        "ends": None if limit.span is None else _moment(window.end),
        "created": limit.created,
    }


def by_subject(usages: Iterable[Usage]) -> list[Usage]:
    """Sorted as people look for them: everything first, then users, clients and models, each by measure and window."""
    order = ("all", "user", "client", "model")
    return sorted(
        usages,
        key=lambda each: (
            order.index(each.limit.scope),
            each.limit.pattern.lower(),
            each.limit.measure,
            each.window.end - each.window.start,
        ),
    )


def in_short(measure: Measure, amount: int) -> str:
    """An amount that is used, in few characters: `$7.53`, `4.12M`, `57`."""
    if measure == "cost":
        usd = amount / 1_000_000
        return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"
    if measure == "tokens":
        for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
            if amount >= unit:
                return f"{amount / unit:.4g}{name}"
    return f"{amount:,}"


def used_of(usage: Usage) -> str:
    """`$7.53 of $10.00`."""
    measure = usage.limit.measure
    return f"{in_short(measure, usage.used)} of {in_short(measure, usage.limit.amount)}"


def _moment(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))
