"""Access keys on the dashboard: admins make, replace and revoke them; nobody locks everybody out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import FORM, KeyTable, add
from gemtap.dashboard.sessions import DashboardAccess
from gemtap.incident import IncidentKind
from gemtap.stores.opening import open_store
from tests.records import make_record
from tests.unit.dashboard.conftest import Site, site_over
from tests.unit.dashboard.test_pages import Elements

pytestmark = pytest.mark.anyio


class Kept(NamedTuple):
    site: Site
    file: KeyFile
    root: str
    """The access key of the admin `root`."""

    async def page(self, path: str = "/access") -> str:
        """A page that the admin sees."""
        answer = await self.site.get(path, authorization=f"Bearer {self.root}")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def change(self, what: str, status: int = 200, *, key: str = "", **value: Any) -> Any:
        """The answer to a change by the admin, or by whoever has `key`."""
        headers = {"authorization": f"Bearer {key or self.root}"}
        answer = await self.site.browser.post(f"/api/keys/{what}", json=value, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]["message"]

    def user_of(self, key: str, later: timedelta = timedelta()) -> str | None:
        """Whose key it is, as the file says."""
        found = KeyTable(self.file.read().keys).user_of(key.encode(), (datetime.now(UTC) + later).timestamp())
        return None if found is None else found.name


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    file = KeyFile(tmp_path)
    root = file.change(lambda before: add(before, "root", "admin", None, datetime.now(UTC)))
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    access = DashboardAccess(Access(tmp_path), b"s" * 32, secure=False, trusted_fronts=frozenset())
    async with site_over(store, tmp_path, access) as site:
        yield Kept(site, file, root)


async def test_a_key_is_made_and_shown_once(kept: Kept) -> None:
    """It is in force at once, expires, and only its digest is stored."""
    made = await kept.change("add", name="ana", role="member", expires="90d")
    assert FORM.fullmatch(made["key"].encode())
    assert [(each["name"], each["role"]) for each in made["items"]] == [("root", "admin"), ("ana", "member")]
    assert kept.user_of(made["key"]) == "ana"
    assert kept.user_of(made["key"], timedelta(days=91)) is None
    assert (await kept.site.get("/api/interactions", authorization=f"Bearer {made['key']}")).status_code == 200
    for text in (await kept.page(), (await kept.site.get("/api/keys", authorization=f"Bearer {kept.root}")).text):
        assert "ana" in text
        assert made["key"] not in text
        assert kept.file.read().named("ana").digest not in text
    (event,) = await kept.site.store.incidents.newest(limit=10)
    assert event["kind"] == IncidentKind.ACCESS_CHANGED
    assert event["message"] == "Access key made for ana (member) by root, on the dashboard."
    assert event["details"] == {"user": "root"}


async def test_a_key_is_replaced_and_revoked(kept: Kept) -> None:
    """The old one is refused from then on."""
    first = (await kept.change("add", name="ana"))["key"]
    second = (await kept.change("rotate", name="ana"))["key"]
    assert (kept.user_of(first), kept.user_of(second)) == (None, "ana")
    assert (await kept.site.get("/api/interactions", authorization=f"Bearer {first}")).status_code == 401
    left = await kept.change("revoke", name="ana")
    assert [each["name"] for each in left["items"]] == ["root"]
    assert kept.user_of(second) is None
    assert (await kept.site.get("/api/interactions", authorization=f"Bearer {second}")).status_code == 401


@pytest.mark.parametrize(
    ("what", "value", "status", "message"),
    [
        ("add", {"name": "root"}, 422, "has an access key"),
        ("add", {"name": "a b"}, 422, "cannot be a user's name"),
        ("add", {"name": "ana", "role": "king"}, 422, "Unknown role 'king'. Roles: member, admin."),
        ("add", {"name": "ana", "expires": "soon"}, 422, "The time after which the key expires: "),
        ("rotate", {"name": "nobody"}, 422, "There is no access key of 'nobody'"),
        ("revoke", {"name": "nobody"}, 422, "There is no access key of 'nobody'"),
        ("revoke", {"name": "root"}, 409, "This is your own key."),
    ],
)
async def test_what_is_not_possible_is_said_and_changes_nothing(
    kept: Kept, what: str, value: dict[str, str], status: int, message: str
) -> None:
    """Nobody revokes their own key here: it may be the last one of an admin."""
    before = kept.file.read()
    assert message in await kept.change(what, status, **value)
    assert kept.file.read() == before
    assert await kept.site.store.incidents.newest(limit=10) == []


async def test_members_neither_see_nor_change_keys(kept: Kept) -> None:
    """The page is not in their navigation either."""
    ana = (await kept.change("add", name="ana"))["key"]
    before = kept.file.read()
    assert "Only admins" in await kept.change("add", 403, key=ana, name="bob", role="admin")
    assert (await kept.site.get("/access", authorization=f"Bearer {ana}")).status_code == 403
    assert (await kept.site.get("/api/keys", authorization=f"Bearer {ana}")).status_code == 403
    assert kept.file.read() == before
    assert 'href="/access"' not in (await kept.site.get("/", authorization=f"Bearer {ana}")).text
    assert Elements(await kept.page("/")).links["Access"] == "/access"


async def test_the_page_shows_who_uses_their_key(kept: Kept) -> None:
    """The last request of each user, whose requests are a click away; expired keys say so; one's own key is kept."""
    await kept.change("add", name="ana@example.com")
    ago = datetime.now(UTC) - timedelta(days=1)
    kept.file.change(lambda before: add(before, "bob", "member", ago, ago - timedelta(days=1)))
    client = {**make_record().document["client"], "user": "ana@example.com"}
    ids = [await kept.site.keep(client=client), await kept.site.keep()]
    page = await kept.page()
    rows = {re.findall(r"<a [^>]*>([^<]+)", row)[0]: row for row in page.split("<tr>")[2:]}
    assert list(rows) == ["root", "ana@example.com", "bob"]
    assert "2026-03-14" in rows["ana@example.com"]
    assert "none" in rows["bob"]
    assert "expired" in rows["bob"]
    assert "data-revoke" in rows["bob"]
    assert "data-revoke" not in rows["root"]
    listed = await kept.page(Elements(page).links["ana@example.com"])
    assert Elements(listed).rows == ids[:1]


async def test_the_first_key_is_not_made_here(site: Site) -> None:
    """It locks everybody else out: whoever makes it needs the machine, not only its port."""
    page = Elements(await site.page("/access"))
    assert "gemtap keys add NAME --role admin" in page.text
    assert "form" not in page.tags
    assert "Access" not in page.links
    headers = await site.changing()
    answer = await site.browser.post("/api/keys/add", json={"name": "ana", "role": "admin"}, headers=headers)
    assert answer.status_code == 409
    assert "There are no access keys" in answer.json()["error"]["message"]
    assert await site.api("keys") == {"access_control": False, "items": []}
