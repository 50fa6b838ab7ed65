"""A real `gemtap serve` with demo traffic, and a real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from gemtap.providers.gemini.agents import GeminiAgents
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually

PATIENCE_MS = 45_000.0
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def api() -> Iterator[SimulatedApi]:
    """The simulated Gemini API, slow enough to observe streams."""
    api = SimulatedApi("--pace", "0.02")
    yield api
    api.stop()


@pytest.fixture(scope="session")
def slow_api() -> Iterator[SimulatedApi]:
    api = SimulatedApi("--pace", "0.8")
    yield api
    api.stop()


@pytest.fixture(scope="session")
def gemtap(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """Gemtap with some recorded agent sessions."""
    gemtap = RunningGemtap(tmp_path_factory.mktemp("gemtap"), api.origin)
    try:
        agents = GeminiAgents(gemtap.origin, seed=1, pause=0.01, on_turn=lambda turn: None)
        # Playwright runs an event loop in this thread.
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(lambda: asyncio.run(agents.work(10))).result()
        # A page that is opened before anything is recorded stays empty.
        eventually(lambda: (gemtap.ready()["backlog"] == 0 and gemtap.api("stats")["rows"]) or None)
        yield gemtap
    finally:
        gemtap.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which `make test-browser` installs."""
    path = shutil.which("chromium")
    assert path is not None, "apt-get install chromium"
    # Containers often have only root, for which Chromium's sandbox does not start.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person with a browser. It records errors on pages, and URLs that they fetch."""

    context: BrowserContext
    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.origin}{path}")
        return self.page

    def foreign(self) -> list[str]:
        """URLs fetched from other servers."""
        here = urlsplit(self.origin).netloc
        return [url for url in self.fetched if urlsplit(url).netloc != here and not url.startswith("data:")]


def visit(chromium: Browser, origin: str, **options: Any) -> Visitor:
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context, page, origin)

    def complain(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            visitor.complaints.append(said.text)

    def dismiss(dialog: Dialog) -> None:
        visitor.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", complain)
    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on("request", lambda request: visitor.fetched.append(request.url))
    return visitor


@pytest.fixture
def visitor(chromium: Browser, gemtap: RunningGemtap) -> Iterator[Visitor]:
    """A visitor. At the end, no page has caused an error or contacted another server."""
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}")
    yield visitor
    visitor.context.close()
    assert visitor.complaints == []
    assert visitor.foreign() == []


@pytest.fixture
def empty(api: SimulatedApi, tmp_path: Path) -> Iterator[RunningGemtap]:
    """Gemtap before its first request."""
    gemtap = RunningGemtap(tmp_path, api.origin)
    yield gemtap
    gemtap.close()
