"""Writes docs/screenshots from a demo's traffic: `make screenshots`."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from gemtap.demo.traffic import Agents
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

FOLDER: Final = Path(__file__).parent / "screenshots"

SIZE: Final = {"width": 1280, "height": 800}


def main() -> None:
    """Record some sessions, and take a picture of each page."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    FOLDER.mkdir(exist_ok=True)
    api = SimulatedApi("--pace", "0.06")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as elsewhere, sync_playwright() as playwright:
        gemtap = RunningGemtap(Path(folder), api.origin)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        try:
            elsewhere.submit(work, gemtap, 12).result()
            # Some of them go on while the pictures are taken.
            working = elsewhere.submit(work, gemtap, 6)
            take(browser, gemtap)
            working.result()
        finally:
            browser.close()
            gemtap.close()
            api.stop()


def work(gemtap: RunningGemtap, sessions: int) -> None:
    agents = Agents(gemtap.origin, seed=sessions, pause=0.2, on_turn=lambda turn: None)
    asyncio.run(agents.work(sessions))


def take(browser: Browser, gemtap: RunningGemtap) -> None:
    items = [item for item in gemtap.api("interactions?limit=200")["items"] if item["streaming"] and not item["error"]]
    telling = max(items, key=lambda item: (item["tokens"]["cached"] or 0, item["tokens"]["output"] or 0))
    for scheme, suffix in (("light", ""), ("dark", "-dark")):
        context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        for name, path in pages(telling).items():
            page = context.new_page()
            page.goto(f"http://localhost:{gemtap.dashboard_port}{path}")
            page.wait_for_timeout(800)
            page.screenshot(path=FOLDER / f"{name}{suffix}.png")
            page.close()
        context.close()


def pages(telling: dict[str, Any]) -> dict[str, str]:
    return {"list": "/", "interaction": f"/interactions/{telling['id']}", "health": "/health"}


if __name__ == "__main__":
    main()
