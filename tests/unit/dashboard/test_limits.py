"""Limits on the dashboard and in its API."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import add
from gemtap.dashboard.sessions import DashboardAccess
from gemtap.incident import Incident, IncidentKind, event
from gemtap.limits.ledger import Claim, TapLedger
from gemtap.limits.limit_file import LimitFile
from gemtap.limits.windows import window_at
from gemtap.stores.opening import open_store
from tests.unit.dashboard.conftest import Site, site_over

pytestmark = pytest.mark.anyio


async def set_limit(site: Site, subject: str, measure: str, limit: str) -> int:
    """Set it as the page does. The status."""
    value = {"subject": subject, "measure": measure, "limit": limit}
    return (await site.browser.post("/api/limits/set", json=value, headers=await site.changing())).status_code


def warning(message: str, concerns: str | None = None) -> Incident:
    return {**event(IncidentKind.LIMIT_WARNING, message, None), "details": {"concerns": concerns} if concerns else {}}


async def test_limits_are_set_shown_and_removed(site: Site, tmp_path: Path) -> None:
    """Usage is what taps have admitted; the page has the same as the API."""
    assert "There are no limits" in await site.page("/limits")
    assert await set_limit(site, "all", "tokens", "5M/month") == 200
    assert await set_limit(site, "model:gemini-*", "concurrent", "8") == 200
    tap = TapLedger(tmp_path)
    for limit in LimitFile(tmp_path).read().limits:
        amount = 4_100_000 if limit.measure == "tokens" else 3
        assert tap.admit([Claim(limit, window_at(limit.span, time.time()), amount)]) is None
    tap.sync()
    items = (await site.api("limits"))["items"]
    assert [(row["subject"], row["limit"], row["used"], row["reserved"], row["percent"]) for row in items] == [
        ("all", "5M/month", 4_100_000, 4_100_000, 82.0),
        ("model:gemini-*", "8", 3, 0, 37.5),
    ]
    page = await site.page("/limits")
    assert "4.1M of 5M" in page
    assert re.search(r'class="usage mild"', page)
    for row in items:
        done = await site.browser.post("/api/limits/unset", json={"id": row["id"]}, headers=await site.changing())
        assert done.status_code == 200
    assert (await site.api("limits")) == {"items": []}
    again = await site.browser.post("/api/limits/unset", json={"id": items[0]["id"]}, headers=await site.changing())
    assert (again.status_code, again.json()["error"]["message"]) == (
        404,
        f"There is no limit with the id {items[0]['id']}.",
    )
    events = await site.store.incidents.newest(limit=9)
    assert [each["kind"] for each in events] == ["limits_changed"] * 4
    assert events[0]["message"].startswith("Limit removed: concurrent of model:gemini-*, 8")


async def test_a_limit_of_cost_writes_prices_first(site: Site, tmp_path: Path) -> None:
    """Taps need them for the first request."""
    assert await set_limit(site, "ana", "cost", "10usd/day") == 200
    assert (tmp_path / "ledger" / "prices.json").exists()


@pytest.mark.parametrize(
    ("subject", "measure", "limit"),
    [
        ("all", "tokens", "many"),
        ("all", "cost", "10/day"),
        ("all", "money", "1"),
        ("colour:red", "concurrent", "1"),
        ("x" * 999, "concurrent", "1"),
    ],
)
async def test_what_is_no_limit_is_refused(site: Site, subject: str, measure: str, limit: str) -> None:
    """Nothing is changed."""
    assert await set_limit(site, subject, measure, limit) == 422
    assert (await site.api("limits"))["items"] == []


async def test_changes_need_the_token_of_the_page(site: Site) -> None:
    """As everywhere: no other page may set limits."""
    value = {"subject": "all", "measure": "concurrent", "limit": "8"}
    assert (await site.browser.post("/api/limits/set", json=value)).status_code == 403
    assert (await site.api("limits"))["items"] == []


async def test_warnings_are_on_the_page(site: Site) -> None:
    """Only warnings, the newest first, escaped."""
    assert "None: less than 50 %" in await site.page("/limits")
    await site.store.incidents.put([warning("80 % of <b> used")])
    await site.store.incidents.put([event(IncidentKind.ACCESS_CHANGED, "a key was made", None)])
    page = await site.page("/limits")
    assert "80 % of &lt;b&gt; used" in page
    assert "a key was made" not in page


async def test_a_store_that_is_away_hides_no_limits(lost_site: Site) -> None:
    """The page says what it cannot show."""
    assert "The store is not available now" in await lost_site.page("/limits")


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[Site, dict[str, str]]]:
    """A site with access keys, and the keys of an admin and a member."""
    now, keys = datetime.now(UTC), {}
    for name, role in (("root", "admin"), ("ana", "member")):
        keys[name] = KeyFile(tmp_path).change(partial(_adding, name, role, now))
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    access = DashboardAccess(Access(tmp_path), b"s" * 32, secure=False, trusted_fronts=frozenset())
    async with site_over(store, tmp_path, access) as site:
        yield site, keys


def _adding(name, role, now, before):  # type: ignore[no-untyped-def]  # `functools.partial` of `add`
    return add(before, name, role, None, now)


async def test_members_see_what_concerns_them_and_change_nothing(guarded: tuple[Site, dict[str, str]]) -> None:
    """Their own limits and warnings, and those of everybody; admins see all."""
    site, keys = guarded
    as_admin = {"authorization": f"Bearer {keys['root']}"}
    as_member = {"authorization": f"Bearer {keys['ana']}"}
    for subject in ("all", "ana", "ben"):
        value = {"subject": subject, "measure": "concurrent", "limit": "8"}
        assert (await site.browser.post("/api/limits/set", json=value, headers=as_member)).status_code == 403
        assert (await site.browser.post("/api/limits/set", json=value, headers=as_admin)).status_code == 200
    await site.store.incidents.put([warning("of ben", "ben"), warning("of ana", "ana"), warning("of all")])

    async def seen(headers: dict[str, str]) -> tuple[list[str], str]:
        items = (await site.get("/api/limits", **headers)).json()["items"]
        return [row["subject"] for row in items], (await site.get("/limits", **headers)).text

    subjects, page = await seen(as_admin)
    assert subjects == ["all", "ana", "ben"]
    assert ("of ben" in page, "data-unset" in page) == (True, True)
    assert page.count("no access key has this name") == 1, "there is one for ana, and none for ben"
    subjects, page = await seen(as_member)
    assert subjects == ["all", "ana"]
    assert ("of ben" in page, "of ana" in page, "of all" in page) == (False, True, True)
    assert "data-unset" not in page
    assert "set-limit" not in page
    unset = await site.browser.post("/api/limits/unset", json={"id": 1}, headers=as_member)
    assert unset.status_code == 403
    assert (await site.get("/limits")).status_code == 303
