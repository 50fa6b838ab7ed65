"""Signing in by OpenID Connect in a real browser, which decides which cookies it sends after which redirect."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.openid_server import openid_server
from tests.e2e.running_gemtap import RunningGemtap
from tests.e2e.test_access import keys

pytestmark = pytest.mark.browser


def test_a_person_signs_in_with_the_other_server(chromium: Browser, tmp_path: Path) -> None:
    """From the page that was asked for, over the other server, to that page: without the access key."""
    keys(tmp_path, "add", "ana")
    secret = tmp_path / "client.secret"
    secret.write_text("the-secret-of-this-client")
    with openid_server({"sub": "ana-there", "preferred_username": "ana"}) as issuer:
        gemtap = RunningGemtap(
            tmp_path,
            "http://127.0.0.1:9",
            GEMTAP_OIDC_ISSUER=issuer,
            GEMTAP_OIDC_CLIENT_ID="gemtap",
            GEMTAP_OIDC_CLIENT_SECRET=str(secret),
            GEMTAP_OIDC_CLAIM="preferred_username",
        )
        page = chromium.new_page()
        try:
            # Another site than the other server's, as it would be: their names differ, not only their ports.
            page.goto(f"http://127.0.0.1:{gemtap.dashboard_port}/analytics")
            page.get_by_role("link", name=f"Sign in with {issuer.removeprefix('http://')}").click()
            page.get_by_placeholder("sub").fill("ana-there")
            page.get_by_role("button", name="Authorize").click()
            expect(page).to_have_url(f"http://127.0.0.1:{gemtap.dashboard_port}/analytics")
            page.get_by_role("button", name="Sign out").click()
            expect(page).to_have_url(f"http://127.0.0.1:{gemtap.dashboard_port}/signin")
        finally:
            page.close()
            gemtap.close()
