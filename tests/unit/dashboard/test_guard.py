"""Who may speak to the dashboard, and the headers that keep what it shows from doing anything."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gemtap.stores.opening import open_store
from tests.unit.dashboard.conftest import Site, site_over

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4361",
        "LOCALHOST:4361",
        "gemtap.localhost:4361",
        "127.0.0.1",
        "127.0.0.1:4361",
        "192.0.2.7:80",
        "[::1]",
        "[::1]:4361",
        "[2001:db8::7]:4361",
    ],
)
async def test_a_name_of_this_machine_is_answered(site: Site, host: str) -> None:
    """Requests to names of this machine are served."""
    assert (await site.get("/healthz", host=host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4361",
        "localhost.evil.example",
        "evil.localhost.example",
        "evil.internal.example",
        "127.0.0.1.evil.example:4361",
        "[::1].evil.example",
        "[evil.example]",
        "localhost:4361@evil.example",
        "evil.example:127.0.0.1",
        "::1",
        "",
        ":4361",
        "<script>",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/interactions", "/readyz", "/static/gemtap.css", "/nowhere"])
async def test_a_foreign_name_is_refused_everywhere(site: Site, host: str, path: str) -> None:
    """Requests to other names are refused on every path."""
    answer = await site.get(path, host=host)
    assert answer.status_code == 421
    assert "allowed_hosts" in answer.json()["error"]["message"]
    assert len(answer.content) < 500


async def test_a_request_without_a_host_is_refused(site: Site) -> None:
    """A request without a host is refused."""
    request = site.browser.build_request("GET", "/healthz")
    del request.headers["host"]
    answer = await site.browser.send(request)
    assert answer.status_code == 421
    assert "no Host header" in answer.json()["error"]["message"]


async def test_names_can_be_added_with_a_port_or_without(tmp_path: Path) -> None:
    """Settings allow additional names, with or without a port."""
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    async with site_over(store, tmp_path, allowed_hosts=("Gemtap.lan", "box.example:8080")) as site:
        for host in ("gemtap.lan", "gemtap.lan:4361", "BOX.example:1"):
            assert (await site.get("/healthz", host=host)).status_code == 200
        assert (await site.get("/healthz", host="other.lan")).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://testserver.evil"])
async def test_another_page_is_refused(site: Site, origin: str) -> None:
    """Requests from other origins are refused."""
    answer = await site.get("/api/interactions", host="localhost:4361", origin=origin)
    assert answer.status_code == 403
    assert "allowed_origins" in answer.json()["error"]["message"]


async def test_its_own_pages_and_those_that_are_allowed_may_call(tmp_path: Path) -> None:
    """Own and allowed origins may call."""
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    async with site_over(store, tmp_path, allowed_origins=("https://app.example",)) as site:
        for origin in ("http://localhost:4361", "https://app.example"):
            assert (await site.get("/healthz", host="localhost:4361", origin=origin)).status_code == 200


def assert_safe(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert len(answer.headers.get_list(name)) == 1
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/setup", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/static/gemtap.css", 200),
        ("/static/gemtap.svg", 200),
        ("/api/interactions", 200),
        ("/api/interactions?limit=0", 422),
        ("/api/interactions?cursor=x", 400),
        ("/api/nothing", 404),
        ("/interactions/zzz", 404),
        ("/nowhere", 404),
        ("/static/absent.css", 404),
        ("/static/../app.py", 404),
    ],
)
async def test_every_answer_has_the_headers_that_keep_it_harmless(site: Site, path: str, status: int) -> None:
    """Every response has the security headers."""
    answer = await site.get(path)
    assert answer.status_code == status
    assert_safe(answer)


async def test_a_refusal_and_a_mistake_have_them_too(site: Site, lost_site: Site) -> None:
    """Error responses have the security headers."""
    assert_safe(await site.get("/", host="evil.example"))
    assert_safe(await lost_site.get("/"))
    assert_safe(await lost_site.get("/api/interactions"))
    site.spool.failed.rmdir()  # nobody expects that
    answer = await site.get("/")
    assert answer.status_code == 500
    assert_safe(answer)
