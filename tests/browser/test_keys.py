"""Access keys in a browser: an admin makes a key for somebody, replaces it and revokes it."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from gemtap.access.key_file import KeyFile
from gemtap.access.keys import add
from tests.browser.conftest import visit
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_keys_are_made_replaced_and_revoked(
    chromium: Browser, api: SimulatedApi, tmp_path: Path, width: int, scheme: str
) -> None:
    """A key is shown once and works at once; replacing and revoking it take a second click."""
    (tmp_path / "data").mkdir()
    made = KeyFile(tmp_path / "data").change(lambda before: add(before, "root", "admin", None, datetime.now(UTC)))
    gemtap = RunningGemtap(tmp_path, api.origin)
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    visitor = visit(chromium, f"http://localhost:{gemtap.dashboard_port}", **options)

    def lets_in(key: str) -> bool:
        address = f"http://localhost:{gemtap.dashboard_port}/api/interactions"
        request = urllib.request.Request(address, headers={"authorization": f"Bearer {key}"})
        try:
            return bool(urllib.request.urlopen(request, timeout=30).status == 200)
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                raise
            return False

    try:
        page = visitor.open("/access")
        page.get_by_label("Access key").fill(made)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/access")
        page.get_by_label("User").fill("ana")
        page.get_by_label("Expires after").fill("90d")
        page.get_by_role("button", name="Make key").click()
        key = page.locator("#the-key")
        expect(key).to_contain_text("gt_")
        first = key.inner_text()
        row = page.locator("tbody tr", has_text="ana")
        expect(row).to_be_visible()
        assert eventually(lambda: lets_in(first) or None)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [each["id"] for each in Axe().run(page).response["violations"]] == []
        page.get_by_label("User").fill("ana")
        page.get_by_role("button", name="Make key").click()
        expect(page.get_by_role("alert")).to_contain_text("ana has an access key.")
        row.get_by_role("button", name="Replace the key of ana").click()
        row.get_by_role("button", name="Replace the key? Click again.").click()
        expect(key).not_to_have_text(first)
        second = key.inner_text()
        assert eventually(lambda: not lets_in(first) or None)
        assert lets_in(second)
        row.get_by_role("button", name="Revoke the key of ana").click()
        row.get_by_role("button", name="Revoke the key? Click again.").click()
        expect(row).to_have_count(0)
        assert eventually(lambda: not lets_in(second) or None)
        # The browser itself reports the refusal of the second key for ana.
        assert [said for said in visitor.complaints if "status of 422" not in said] == []
    finally:
        visitor.context.close()
        gemtap.close()
