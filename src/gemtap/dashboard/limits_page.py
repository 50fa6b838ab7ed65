"""The page of limits: how much of each is used, and what was warned of."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gemtap.dashboard.limits import Limiting, visible, warns_whoever_asks
from gemtap.dashboard.render import Look, Render, patiently
from gemtap.dashboard.scope import current_user
from gemtap.incident import WARNINGS, Incident
from gemtap.interaction import to_json
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.shown import by_subject, in_short, limit_to_json
from gemtap.stores.base import Store

_LOOKED_AT: Final = 200
"""Number of the latest events among which warnings are looked for."""

_SHOWN: Final = 20

_MILD, _BAD = 80, 100
"""Per cent from which on a bar has another colour."""


def make_router(render: Render, store: Store, look: Look, limiting: Limiting) -> APIRouter:
    """The route `/limits`."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/limits")
    async def page(request: Request) -> HTMLResponse:
        events = await patiently(store.incidents.newest(limit=_LOOKED_AT))
        user = current_user()
        context: dict[str, Any] = {
            "health": await look(),
            "rows": [_row(each, limiting) for each in by_subject(visible(limiting.usages()))],
            "warnings": None if events is None else [to_json(each) for each in events if _is_shown(each)][:_SHOWN],
            "may_change": user is None or user.is_admin,
        }
        return await render(request, "limits.html", context)

    return router


def _is_shown(event: Incident) -> bool:
    return event["kind"] in WARNINGS and warns_whoever_asks(event)


def _row(usage: Usage, limiting: Limiting) -> dict[str, Any]:
    limit = usage.limit
    row = limit_to_json(usage)
    percent = row["percent"]
    reserved = min(usage.reserved, usage.used)
    whole = max(limit.amount, 1)
    settled = min(100 * (usage.used - reserved) / whole, 100)
    return row | {
        "shown_used": in_short(limit.measure, usage.used),
        "shown_amount": in_short(limit.measure, limit.amount),
        "shown_reserved": in_short(limit.measure, reserved) if reserved else None,
        "shown_others": in_short(limit.measure, usage.others) if usage.others else None,
        "settled_percent": round(settled, 2),
        "reserved_percent": round(min(100 * reserved / whole, 100 - settled), 2),
        "is_unknown_user": limit.scope == "user" and not limiting.is_user(limit.pattern),
        "state": "bad" if percent >= _BAD else "mild" if percent >= _MILD else "good",
    }
