"""What happened to recording is kept beside the interactions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.incident import Incident, from_line, to_line
from gemtap.stores.base import Store

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 4, 5, 6, 7, 891000, UTC)


def incident(**fields: Any) -> Incident:
    found: dict[str, Any] = {
        "_id": ObjectId(),
        "at": AT,
        "until": AT + timedelta(seconds=3),
        "kind": "captures_lost",
        "count": 2,
        "message": "Exchanges could not be recorded.",
        "details": {"causes": [{"cause": "[Errno 28] $a.b\u20ac", "count": 2}]},
    }
    return found | fields  # type: ignore[return-value]


async def test_incidents_come_back_newest_first(store: Store) -> None:
    """Incidents come back unchanged, newest first."""
    first, second, third = (incident(at=AT + timedelta(hours=hour)) for hour in (0, 1, 2))
    await store.incidents.put([second, first])
    await store.incidents.put([third])
    assert await store.incidents.newest(limit=10) == [third, second, first]
    assert await store.incidents.newest(limit=2) == [third, second]


async def test_one_that_is_told_again_takes_its_own_place(store: Store) -> None:
    """An incident with a known id replaces the stored one."""
    going_on = incident(kind="store_outage", until=None, count=0)
    over = incident(_id=going_on["_id"], kind="store_outage", count=7)
    await store.incidents.put([going_on])
    assert await store.incidents.newest(limit=10) == [going_on]
    await store.incidents.put([over])
    await store.incidents.put([over])
    assert await store.incidents.newest(limit=10) == [over]


async def test_none_is_nothing(store: Store) -> None:
    """Storing no incidents is allowed."""
    await store.incidents.put([])
    assert await store.incidents.newest(limit=10) == []


def test_an_incident_survives_its_file() -> None:
    """An incident is read back unchanged from the line of its file."""
    for each in (incident(), incident(until=None, details={})):
        assert from_line(each["_id"], to_line(each)) == each
