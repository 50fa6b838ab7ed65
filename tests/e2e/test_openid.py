"""Signing in to the dashboard by OpenID Connect, with a server of it that runs here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.e2e.leaks import files_with, sqlite_values
from tests.e2e.openid_server import openid_server
from tests.e2e.running_gemtap import RunningGemtap
from tests.e2e.test_access import keys

SECRET: Final = "the-secret-of-this-client"
USERS: Final = (
    {"sub": "ana", "email": "ana@example.com", "email_verified": True},
    {"sub": "unverified", "email": "ana@example.com", "email_verified": False},
    {"sub": "nameless"},
    {"sub": "stranger", "email": "stranger@example.com", "email_verified": True},
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid_server(*USERS) as address:
        yield address


@pytest.fixture(scope="module")
def gemtap(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    folder = tmp_path_factory.mktemp("openid")
    keys(folder, "add", "ana@example.com")
    secret = folder.parent / "client.secret"
    secret.write_text(SECRET + "\n")
    gemtap = RunningGemtap(
        folder,
        "http://127.0.0.1:9",
        GEMTAP_OIDC_ISSUER=issuer,
        GEMTAP_OIDC_CLIENT_ID="gemtap",
        GEMTAP_OIDC_CLIENT_SECRET=str(secret),
    )
    yield gemtap
    gemtap.close()


@pytest.fixture
def browser(gemtap: RunningGemtap) -> Iterator[httpx.Client]:
    """It keeps cookies, and follows redirects only where a test says so."""
    with httpx.Client(base_url=f"http://localhost:{gemtap.dashboard_port}", timeout=60) as client:
        yield client


def go_to_the_other_server(browser: httpx.Client, where: str = "/interactions") -> str:
    """The address that the browser is sent to."""
    answer = browser.get("/signin/openid", params={"next": where})
    assert answer.status_code == 303
    return answer.headers["location"]


def come_back(browser: httpx.Client, there: str, sub: str, change: Callable[[str], str] = str) -> httpx.Response:
    """Say at the other server who one is, and follow it back; `change` is made to the address that leads back."""
    back = httpx.post(there, data={"sub": sub} if sub else {"action": "deny"}).headers["location"]
    return browser.get(change(back))


def test_whoever_the_other_server_names_is_signed_in(browser: httpx.Client, gemtap: RunningGemtap) -> None:
    """With PKCE, state and nonce; the session is that of the user with this name, and events say so."""
    assert "Sign in with localhost:" in browser.get("/signin").text
    there = go_to_the_other_server(browser)
    asked = parse_qs(urlsplit(there).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked.keys() >= {"state", "nonce", "code_challenge"}
    page = come_back(browser, there, "ana")
    assert page.status_code == 200
    assert 'content="0; url=/interactions"' in page.text
    cookie = next(each for each in page.headers.get_list("set-cookie") if each.startswith("gemtap_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert browser.get("/interactions").status_code == 200
    assert "ana@example.com" in browser.get("/interactions").text
    assert browser.get("/health").status_code == 403  # a member


@pytest.mark.parametrize(
    ("sub", "why"),
    [
        ("unverified", "has not verified the address ana@example.com"),
        ("nameless", "told no &#39;email&#39; of you"),
        ("stranger", "stranger@example.com has no access key that is valid"),
    ],
)
def test_nobody_else_is(browser: httpx.Client, sub: str, why: str) -> None:
    answer = come_back(browser, go_to_the_other_server(browser), sub)
    assert answer.status_code == 401
    assert why in answer.text
    assert browser.get("/interactions").status_code == 303


def test_whoever_refuses_there_is_told_here(browser: httpx.Client) -> None:
    there = go_to_the_other_server(browser)
    # RFC 6749 (4.1.2.1) demands the state, which this server leaves out of its refusals.
    state = parse_qs(urlsplit(there).query)["state"][0]
    answer = come_back(browser, there, "", lambda back: f"{back}&state={state}")
    assert answer.status_code == 401
    assert "did not sign you in" in answer.text


def test_the_answer_to_another_attempt_signs_nobody_in(browser: httpx.Client) -> None:
    """A page that sends somebody to its own answer does not make them work under another name."""
    there = go_to_the_other_server(browser)
    forged = come_back(browser, there, "ana", lambda back: re.sub(r"state=[^&]+", "state=forged", back))
    assert forged.status_code == 401
    there = go_to_the_other_server(browser)
    browser.cookies.clear()
    without = come_back(browser, there, "ana")
    assert without.status_code == 401
    assert "Begin again" in without.text


def test_an_answer_counts_once(browser: httpx.Client) -> None:
    """A code that was used is worth nothing."""
    there = go_to_the_other_server(browser)
    back = httpx.post(there, data={"sub": "ana"}).headers["location"]
    flow = dict(browser.cookies)
    assert browser.get(back).status_code == 200
    browser.cookies.clear()
    browser.cookies.update(flow)
    assert browser.get(back).status_code == 401


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_it_leads_to_no_other_site(browser: httpx.Client, where: str) -> None:
    page = come_back(browser, go_to_the_other_server(browser, where), "ana")
    assert 'content="0; url=/"' in page.text


def test_no_secret_of_it_is_at_rest(browser: httpx.Client, gemtap: RunningGemtap) -> None:
    """Neither the client's secret nor cookies, codes and tokens."""
    there = go_to_the_other_server(browser)
    back = httpx.post(there, data={"sub": "ana"}).headers["location"]
    flow = browser.cookies["gemtap_openid"]
    browser.get(back)
    code = parse_qs(urlsplit(back).query)["code"][0]
    secrets = [SECRET, code, flow, browser.cookies["gemtap_session"]]
    canary = re.compile(b"|".join(re.escape(each.encode()) for each in secrets))
    assert files_with(canary, gemtap.data_dir) == []
    assert not any(canary.search(value) for value in sqlite_values(gemtap.data_dir.parent))


def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    """The page says so; access keys work as before."""
    key = keys(tmp_path, "add", "ana")
    gemtap = RunningGemtap(
        tmp_path, "http://127.0.0.1:9", GEMTAP_OIDC_ISSUER="http://localhost:9", GEMTAP_OIDC_CLIENT_ID="gemtap"
    )
    try:
        with httpx.Client(base_url=f"http://localhost:{gemtap.dashboard_port}", timeout=60) as browser:
            answer = browser.get("/signin/openid")
            assert answer.status_code == 502
            assert "Signing in with http://localhost:9 failed" in answer.text
            signed_in = browser.post("/signin", content=urlencode({"key": key, "next": "/"}))
            assert signed_in.status_code == 303
    finally:
        gemtap.close()
