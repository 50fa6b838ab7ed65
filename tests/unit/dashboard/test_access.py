"""Access to the dashboard with keys: every route, tried by everybody who should and should not use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import KeyList, add, revoke, rotate
from gemtap.dashboard.access_rules import RULES, Rule
from gemtap.dashboard.openid import OpenId, OpenIdSettings
from gemtap.dashboard.sessions import COOKIE, Attempts, DashboardAccess
from gemtap.incident import IncidentKind
from gemtap.replay.desk import Replays
from gemtap.settings import Settings
from gemtap.stores.opening import open_store
from tests.records import make_record
from tests.unit.dashboard.conftest import Site, id_of, site_over

pytestmark = pytest.mark.anyio

NEEDED = {
    "/static": "/gemtap.css",
    "/threads/{id_}/turns": "?at=66f1c0ffee0123456789abcd",
    "/interactions/{id_}/messages": "?before=0",
    "/api/interactions/{id_}/found": "?q=plan",
    "/api/interactions/{id_}/replay/lost": "?model=x&provider=gemini",
    "/interactions/{id_}/compare": "?with=66f1c0ffee0123456789abcd",
    "/interactions/{id_}/changes": "?since=66f1c0ffee0123456789abcd",
    "/interactions/{id_}/changes/{number}": "?since=66f1c0ffee0123456789abcd",
}
"""What routes cannot do without."""

SECRET = "ana-secret-plan"
ASKED = b'{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}' % SECRET.encode()
STREAM = "/api/live"
"""It never ends: it has a test of its own."""


class Guarded(NamedTuple):
    site: Site
    file: KeyFile
    access: Access
    keys: Mapping[str, str]
    id_: str
    """An interaction of ana's, which is a thread too."""

    def change(self, change: Any) -> Any:
        """Change the keys, and have the dashboard notice."""
        result = self.file.change(change)
        self.access.refresh()
        return result

    async def sign_in(self, name: str, **headers: str) -> httpx.Response:
        return await self.site.browser.post("/signin", data={"key": self.keys[name], "next": "/setup"}, headers=headers)

    async def cookie(self, name: str) -> str:
        """A session cookie, which the browser of the test does not keep."""
        value = (await self.sign_in(name)).cookies[COOKIE]
        self.site.browser.cookies.clear()
        return f"{COOKIE}={value}"


def client_of(user: str) -> dict[str, Any]:
    return {"name": "cline", "version": None, "user_agent": None, "address": None, "key": None, "user": user}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    now = datetime.now(UTC)
    file = KeyFile(tmp_path)
    expiry = {"expired": now - timedelta(days=1)}
    roles = {"root": "admin"}
    keys = {
        name: file.change(
            lambda before, name=name: add(before, name, roles.get(name, "member"), expiry.get(name), now)  # type: ignore[misc]
        )
        for name in ("ana", "bob", "root", "expired", "revoked")
    }
    file.change(lambda before: (revoke(before, "revoked"), None))
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    record = make_record(request_raw=ASKED, client=client_of("ana"), preview={"prompt": SECRET, "answer": SECRET})
    record.document["thread"] = {"id": record.document["_id"], "turn": 1, "parent": None, "new_messages": 1}
    await store.put([record])
    access = Access(tmp_path)
    settings: dict[str, Any] = {"data_dir": tmp_path}
    replays = Replays(Settings(**settings), store, {})
    openid = OpenId(OpenIdSettings("http://localhost:9", "gemtap", None, "email"), b"s" * 32)
    dashboard = DashboardAccess(access, b"s" * 32, secure=True, trusted_fronts=frozenset({"127.0.0.1"}), openid=openid)
    async with site_over(store, tmp_path, dashboard, replays) as site:
        yield Guarded(site, file, access, keys | {"forged": "gt_" + "A" * 43}, id_of(record))


def routes_of(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path of every route of the dashboard, from the application itself."""
    while not isinstance(app, FastAPI):
        app = app._app
    routes: list[Any] = list(app.routes)
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", route.path
            continue
        for each in route.effective_candidates() if hasattr(route, "effective_candidates") else [route]:
            for method in each.methods:
                if method != "HEAD":
                    yield method, each.path


async def test_every_route_has_a_rule_and_every_rule_a_route(guarded: Guarded) -> None:
    """A new route without a rule makes this fail."""
    assert {path for _, path in routes_of(guarded.site.app)} == set(RULES)


FORMED = ("/api/", "/healthz", "/readyz", "/openapi.json")


def is_turned_away(answer: httpx.Response, method: str, path: str) -> bool:
    """Whether somebody without a key was refused: programs by 401, people by the way to the sign-in page."""
    if path.startswith(FORMED) or method != "GET":
        return answer.status_code == 401
    return answer.status_code == 303 and answer.headers["location"].startswith("/signin?next=/")


async def test_everybody_on_every_route(guarded: Guarded) -> None:
    """The table of routes and people: who is let in, who is not, and what members see of others: nothing."""
    site, keys = guarded.site, guarded.keys
    token = (await site.changing_as(keys["root"]))["x-gemtap-token"]
    cookies = {name: await guarded.cookie(name) for name in ("ana", "bob", "root")}
    wrong = []
    tried = 0
    addresses = count()
    for method, template in routes_of(site.app):
        path = template.format(id_=guarded.id_, number="0", side="request", name="jsonl")
        path += NEEDED.get(template, "")
        rule = RULES[template]

        async def ask(
            method: str = method, path: str = path, cookie: str = "", key: str = "", **more: str
        ) -> httpx.Response:
            # Everybody from an address of their own: nobody has tried too often.
            headers = {"x-gemtap-token": token, "x-forwarded-for": f"192.0.2.1, 198.51.100.{next(addresses)}", **more}
            if cookie:
                headers["cookie"] = cookie
            if key:
                headers["authorization"] = f"Bearer {key}"
            return await site.browser.request(method, path, headers=headers, json=None if method == "GET" else {})

        refused = {
            "nobody": await ask(),
            **{name: await ask(key=keys[name]) for name in ("expired", "revoked", "forged")},
            "forged cookie": await ask(cookie=f"{COOKIE}=gAAAAABforged"),
            "page of another site": await ask(cookie=cookies["root"], **{"sec-fetch-site": "cross-site"}),
        }
        for who, answer in refused.items():
            tried += 1
            if (method, template) == ("POST", "/signin"):
                continue  # it answers 401 to a form without a key
            if (rule is not Rule.PUBLIC) != is_turned_away(answer, method, template) or SECRET in answer.text:
                wrong.append((who, method, template, answer.status_code))
        stolen = await ask(cookie=cookies["root"], origin="https://evil.example")
        if stolen.status_code != 403 or SECRET in stolen.text:
            wrong.append(("stolen cookie", method, template, stolen.status_code))
        if template == STREAM:
            continue
        for name in ("ana", "bob", "root"):
            for shown in ({"key": keys[name]}, {"cookie": cookies[name]}):
                tried += 1
                answer = await ask(**shown)
                let_in = answer.status_code not in (401, 403) and "/signin?" not in answer.headers.get("location", "")
                if template in ("/signin", "/signin/openid/callback"):
                    continue  # a form without a key, an answer that belongs to nothing
                if let_in != (rule is not Rule.ADMIN or name == "root"):
                    wrong.append((name, method, template, answer.status_code))
                unknown = answer.status_code == 404 or answer.text.replace(" ", "") == '{"recorded":false}'
                if name == "bob" and (SECRET in answer.text or ("{id_}" in template and not unknown)):
                    wrong.append(("another member", method, template, answer.status_code))
    assert wrong == []
    assert tried > 400


async def test_members_see_their_own_and_admins_all(guarded: Guarded) -> None:
    """Lists, statistics, threads and exports have what is open to whoever asks."""
    seen = {}
    for name in ("ana", "bob", "root"):
        headers = {"authorization": f"Bearer {guarded.keys[name]}"}
        answers = [
            await guarded.site.browser.get(f"/api/{path}", headers=headers)
            for path in ("interactions", "threads", "export/jsonl", f"interactions/{guarded.id_}/request")
        ]
        stats = (await guarded.site.browser.get("/api/stats", headers=headers)).json()["rows"]
        seen[name] = ([SECRET in each.text for each in answers], sum(row["requests"] for row in stats))
    assert seen == {"ana": ([True] * 4, 1), "bob": ([False] * 4, 0), "root": ([True] * 4, 1)}


async def test_suggestions_are_of_what_is_open(guarded: Guarded) -> None:
    """What was read for an admin is not suggested to a member."""
    seen = {}
    for name in ("root", "bob", "ana"):
        headers = {"authorization": f"Bearer {guarded.keys[name]}"}
        answer = await guarded.site.browser.get("/api/suggestions?q=client:", headers=headers)
        seen[name] = "cline" in [each["text"] for each in answer.json()["items"]]
    assert seen == {"root": True, "bob": False, "ana": True}


async def test_signing_in_and_out(guarded: Guarded) -> None:
    """The cookie is for this site alone, out of scripts' reach, and ends with the session; events say who."""
    page = await guarded.site.browser.get("/interactions?q=x", follow_redirects=True)
    assert page.url.path == "/signin"
    assert "/interactions?q=x" in page.text
    # With `no-referrer`, browsers send the form with `Origin: null`, which is refused.
    assert page.headers["referrer-policy"] == "same-origin"
    answer = await guarded.sign_in("ana")
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup")
    cookie = answer.headers["set-cookie"].lower()
    assert all(each in cookie for each in ("httponly", "samesite=strict", "secure", "max-age=43200", "path=/"))
    assert guarded.keys["ana"].lower() not in cookie
    guarded.site.browser.cookies.clear()
    signed_in = {"cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}
    assert "Sign out ana" in (await guarded.site.browser.get("/setup", headers=signed_in)).text
    out = await guarded.site.browser.post("/signout", headers=signed_in)
    assert "max-age=0" in out.headers["set-cookie"].lower()
    kinds = [each["kind"] for each in await guarded.site.store.incidents.newest(limit=9)]
    assert kinds == [IncidentKind.SIGNED_OUT, IncidentKind.SIGNED_IN]


@pytest.mark.parametrize("where", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nx: y"])
async def test_signing_in_leads_to_no_other_site(guarded: Guarded, where: str) -> None:
    """`next` is a path of this dashboard."""
    answer = await guarded.site.browser.post("/signin", data={"key": guarded.keys["ana"], "next": where})
    assert answer.headers["location"] == "/"


async def test_a_session_ends_with_its_key(guarded: Guarded) -> None:
    """After a rotation, a revocation, or when access is gone."""
    cookie = {"cookie": await guarded.cookie("ana")}

    async def status() -> int:
        return (await guarded.site.browser.get("/api/interactions", headers=cookie)).status_code

    assert await status() == 200
    guarded.change(lambda before: rotate(before, "ana", None, datetime.now(UTC)))
    assert await status() == 401


async def test_a_stream_ends_when_the_key_is_revoked(guarded: Guarded) -> None:
    """Open pages are told nothing more."""
    headers = {"authorization": f"Bearer {guarded.keys['ana']}"}
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(guarded.site.browser.get(STREAM, headers=headers))
        await asyncio.sleep(0)
        guarded.change(lambda before: (revoke(before, "ana"), None))
        assert (await stream).status_code in (200, 401)


async def test_wrong_keys_have_to_wait(guarded: Guarded) -> None:
    """After ten failures, an address is refused for a while, with the right key too."""
    for _ in range(Attempts.MOST):
        assert (await guarded.sign_in("forged")).status_code == 401
    answer = await guarded.sign_in("ana")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61
    kinds = {each["kind"] for each in await guarded.site.store.incidents.newest(limit=99)}
    assert kinds == {IncidentKind.SIGN_IN_REFUSED}


async def test_what_probes_are_told(guarded: Guarded) -> None:
    """Without a key, `/readyz` has the state and no more."""
    assert (await guarded.site.browser.get("/readyz")).json() == {"status": "ok"}
    headers = {"authorization": f"Bearer {guarded.keys['root']}"}
    assert "store" in (await guarded.site.browser.get("/readyz", headers=headers)).json()


async def test_without_keys_nobody_is_asked(guarded: Guarded) -> None:
    """One person notices nothing."""
    guarded.file.write(KeyList())
    guarded.access.refresh()
    assert SECRET in (await guarded.site.browser.get("/interactions")).text
    assert "Sign out" not in await guarded.site.page("/health")
