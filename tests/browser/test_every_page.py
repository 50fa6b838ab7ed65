"""Properties of every page: no errors, no external requests, accessible."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.asking import recorded
from tests.browser.conftest import visit
from tests.e2e.running_gemtap import RunningGemtap

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def paths(gemtap: RunningGemtap) -> list[str]:
    """A page of each kind."""
    items = gemtap.api("interactions?limit=200")["items"]
    longest = max(items, key=lambda item: item["request"]["body_bytes"])
    failed = next(item for item in items if item["error"])
    listed = next((item for item in items if item["operation"] == "countTokens"), failed)
    ids = [item["id"] for item in (longest, failed, listed)]
    continued = max(
        (item for item in items if item["thread"] and item["thread"]["parent"]), key=lambda item: item["thread"]["turn"]
    )
    thread, turn = continued["thread"]["id"], continued["id"]
    return [
        *("/", "/interactions", "/interactions?model=absent", "/interactions?q=error:yes"),
        *("/interactions?q=colour:red", "/queries", "/health", "/limits", "/access", "/setup", "/nowhere"),
        *("/threads", "/threads?sort=cost", f"/threads/{thread}", f"/interactions/{turn}/changes"),
        *(f"/interactions/{turn}?tab={tab}" for tab in ("request", "timing")),
        *(
            f"/interactions/{turn}/added",
            f"/interactions/{turn}/compare?with={longest['id']}",
            "/analytics",
            "/analytics?q=model:absent",
        ),
        *(f"/interactions/{id_}" for id_ in ids),
    ]


def test_every_page_is_quiet_and_asks_nobody_else(chromium: Browser, gemtap: RunningGemtap, paths: list[str]) -> None:
    """No page causes an error or contacts another server."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    for path in paths:
        page = visitor.open(path)
        page.wait_for_timeout(300)
        # The browser itself reports the 404 of the missing page and the 422 of the invalid query.
        assert [said for said in visitor.complaints if "status of 4" not in said] == [], path
    assert visitor.foreign() == []
    visitor.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_every_page(
    chromium: Browser, gemtap: RunningGemtap, paths: list[str], scheme: str, width: int
) -> None:
    """axe finds no violation on any page, and no page scrolls sideways."""
    visitor = visit(
        chromium,
        f"http://localhost:{gemtap.dashboard_port}",
        color_scheme=scheme,
        viewport={"width": width, "height": 860},
        reduced_motion="reduce",
    )
    found = []
    for path in paths:
        page = visitor.open(path)
        results = Axe().run(page)
        found += [
            f"{path}: {each['id']} ({each['impact']}): {[node['html'][:120] for node in each['nodes'][:3]]}"
            for each in results.response["violations"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    visitor.context.close()
    assert found == []


def test_the_dark_is_dark(chromium: Browser, gemtap: RunningGemtap) -> None:
    """The background follows the colour scheme."""
    grounds = []
    for scheme in ("light", "dark"):
        visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}", color_scheme=scheme)
        page = visitor.open("/interactions")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"))
        visitor.context.close()
    light, dark = grounds
    assert min(light[:3]) > 200
    assert max(dark[:3]) < 50


def test_everything_can_be_read_without_javascript(chromium: Browser, gemtap: RunningGemtap, paths: list[str]) -> None:
    """Lists, long texts, earlier messages and charts work without JavaScript."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}", java_script_enabled=False)
    page = visitor.open("/interactions")
    expect(page.locator("tbody tr").first).to_be_visible()
    history = [{"role": role, "parts": [{"text": f"{role} {n}"}]} for n in range(40) for role in ("user", "model")]
    id_ = recorded(gemtap, "", contents=[*history, {"role": "user", "parts": [{"text": "w " * 20_000 + "THE END"}]}])
    page = visitor.open(f"/interactions/{id_}")
    page.get_by_role("link", name="more characters").click()
    expect(page.locator("pre")).to_contain_text("THE END")
    page.get_by_role("link", name="Back to the interaction").click()
    page.get_by_role("link", name="earlier messages").click()
    expect(page.get_by_text("user 38", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back to the interaction").click()
    page.get_by_role("link", name="Request", exact=True).click()
    page.get_by_role("link", name="View as text").first.click()
    expect(page.locator("pre")).to_contain_text('"text": "user 0"')
    page = visitor.open("/analytics?last=all")
    page.locator("figure.chart", has_text="Requests").get_by_role("link", name="Show data").click()
    numbers = page.locator("tbody a")
    expect(numbers.first).to_be_visible()
    numbers.first.click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page = visitor.open("/threads")
    page.locator("tbody .open").first.click()
    expect(page.get_by_role("heading", name="Turn 1").first).to_be_visible()
    page = visitor.open("/interactions?q=colour:red")
    page.get_by_role("searchbox").fill("model:gemini-*")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page = visitor.open("/health")
    expect(page.get_by_text("All traffic is recorded.")).to_be_visible()
    page = visitor.open("/setup")
    expect(page.get_by_text("export GOOGLE_GEMINI_BASE_URL").first).to_be_visible()
    visitor.context.close()


def test_the_first_page_is_small(chromium: Browser, gemtap: RunningGemtap) -> None:
    """The list loads less than 100 kB."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    sizes: list[int] = []
    visitor.page.on(
        "requestfinished",
        lambda request: sizes.append(request.sizes()["responseBodySize"]) if "/api/live" not in request.url else None,
    )
    page = visitor.open("/interactions")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.wait_for_timeout(300)
    assert sizes
    assert sum(sizes) < 100_000
    visitor.context.close()


@contextmanager
def strangers_page() -> Iterator[str]:
    """A page of another site on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Stranger</title>")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_strangers_page_can_neither_read_nor_change(chromium: Browser, gemtap: RunningGemtap) -> None:
    """A page of another site can neither read nor change an interaction."""
    id_ = recorded(gemtap, "Mine.")
    visitor = visit(chromium, "")
    with strangers_page() as stranger:
        visitor.page.goto(stranger)
        target = f"http://localhost:{gemtap.dashboard_port}/api/interactions/{id_}"
        attempts = """async (target) => {
            const outcomes = [];
            for (const options of [
                {}, {mode: "no-cors"},
                {method: "PATCH", body: '{"note": "x"}', headers: {"content-type": "application/json"}},
                {method: "POST", mode: "no-cors", body: '{"note": "x"}'},
            ]) {
                try { const answer = await fetch(target, options); outcomes.push(`${answer.type} ${answer.status}`); }
                catch (error) { outcomes.push("refused"); }
            }
            return outcomes;
        }"""
        outcomes = visitor.page.evaluate(attempts, target)
    visitor.context.close()
    # A page learns nothing from an opaque response, but the desk refuses even that.
    assert outcomes == ["refused", "refused", "refused", "refused"]
    assert gemtap.interaction(id_)["note"] is None
