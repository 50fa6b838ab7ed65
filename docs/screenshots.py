"""Takes the screenshots in docs/screenshots, of demo traffic after a generated year: `make screenshots`."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from bench.pages import year_until
from gemtap.providers.gemini.agents import GeminiAgents
from gemtap.stores.opening import open_store
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

FOLDER: Final = Path(__file__).parent / "screenshots"

SIZE: Final = {"width": 1280, "height": 800}

_YEAR: Final = 12_000
"""Number of interactions in the year before the demo."""

_QUALITY: Final = 0.82
"""Quality of the WebP images: a third of the size of PNG."""


def main() -> None:
    """Record some sessions, and take a screenshot of each page."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    FOLDER.mkdir(exist_ok=True)
    api = SimulatedApi("--pace", "0.06")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as elsewhere, sync_playwright() as playwright:
        (Path(folder) / "data").mkdir()
        elsewhere.submit(asyncio.run, fill(Path(folder) / "data")).result()
        gemtap = RunningGemtap(Path(folder), api.origin)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        try:
            elsewhere.submit(work, gemtap, 12).result()
            # Some sessions run while the screenshots are taken.
            working = elsewhere.submit(work, gemtap, 6)
            take(browser, gemtap)
            working.result()
        finally:
            browser.close()
            gemtap.close()
            api.stop()


async def fill(data: Path) -> None:
    """Store the interactions of the year before today."""
    store = open_store(f"sqlite:///{data / 'gemtap.db'}")
    await store.open()
    await store.put(list(year_until(datetime.now(UTC) - timedelta(days=1), _YEAR)))
    await store.close()


def work(gemtap: RunningGemtap, sessions: int) -> None:
    agents = GeminiAgents(gemtap.origin, seed=sessions, pause=0.2, on_turn=lambda turn: None)
    asyncio.run(agents.work(sessions))


def take(browser: Browser, gemtap: RunningGemtap) -> None:
    for name, (path, scheme) in pages(gemtap).items():
        context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"http://localhost:{gemtap.dashboard_port}{path}")
        page.wait_for_timeout(1200)
        (FOLDER / f"{name}.webp").write_bytes(as_webp(context.new_page(), page.screenshot()))
        context.close()


def pages(gemtap: RunningGemtap) -> dict[str, tuple[str, str]]:
    """Path and colour scheme (`light` or `dark`) by the name of the screenshot."""
    items = [item for item in gemtap.api("interactions?limit=200")["items"] if item["streaming"] and not item["error"]]
    items = [item for item in items if item["client"]["name"] == "Gemtap demo"]
    telling = max(items, key=lambda item: (item["tokens"]["cached"] or 0, item["tokens"]["output"] or 0))
    latest = max(items, key=lambda item: item["thread"]["turn"])
    return {
        "list": ("/interactions", "light"),
        "list-dark": ("/interactions", "dark"),
        "interaction": (f"/interactions/{telling['id']}", "light"),
        "thread": (f"/threads/{latest['thread']['id']}", "dark"),
        "changes": (f"/interactions/{telling['id']}/changes", "light"),
        "analytics": ("/analytics?last=30d", "light"),
        "analytics-dark": ("/analytics?last=30d", "dark"),
    }


def as_webp(blank: Page, png: bytes) -> bytes:
    """Convert a PNG to WebP in the browser."""
    address: str = blank.evaluate(
        """async ([png, quality]) => {
            const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
            const canvas = document.createElement("canvas");
            canvas.width = picture.width;
            canvas.height = picture.height;
            canvas.getContext("2d").drawImage(picture, 0, 0);
            return canvas.toDataURL("image/webp", quality);
        }""",
        [base64.b64encode(png).decode(), _QUALITY],
    )
    return base64.b64decode(address.partition(",")[2])


if __name__ == "__main__":
    main()
