"""A Gemtap that others than this machine can reach: keys, sign-in, and nothing of either at rest."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from bson import ObjectId

from tests.e2e.leaks import files_with, mongodb_values, sqlite_values
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually
from tests.mongod import Mongod

HELD = "AIzaSyHeldCanary-0123456789_abcdefghijk"
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]})


def keys(folder: Path, *arguments: str, store: str | None = None) -> str:
    """What `gemtap keys` prints."""
    command = [sys.executable, "-m", "gemtap", "keys", *arguments, "--data-dir", str(folder / "data")]
    environment = os.environ | ({"GEMTAP_STORE": store} if store is not None else {})
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment)
    return done.stdout.strip()


class Team(NamedTuple):
    """A running Gemtap behind a front that ends TLS, and the keys of a member and of an admin."""

    gemtap: RunningGemtap
    ana: str
    root: str
    store: str | None
    stored: Callable[[], Iterator[bytes]]
    """All that the store holds."""


@pytest.fixture(params=["sqlite", "mongodb"])
def team(request: pytest.FixtureRequest, api: SimulatedApi, tmp_path: Path, mongod: Mongod) -> Iterator[Team]:
    database = f"access_{ObjectId()}"
    store = f"{mongod.url}/{database}" if request.param == "mongodb" else None
    ana = keys(tmp_path, "add", "ana", store=store)
    root = keys(tmp_path, "add", "root", "--role", "admin", store=store)
    gemtap = RunningGemtap(
        tmp_path,
        api.origin,
        "--behind-tls",
        *(("--store", store) if store is not None else ()),
        GEMTAP_PUBLISHED_ON="192.0.2.1",
        GEMINI_API_KEY=HELD,
        GOOGLE_API_KEY=HELD,
    )
    found = partial(mongodb_values, mongod, database) if store is not None else partial(sqlite_values, tmp_path)
    yield Team(gemtap, ana, root, store, found)
    gemtap.close()


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, sent)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_a_team_on_one_gemtap(team: Team, tmp_path: Path) -> None:
    """Requests are their users', the dashboard asks who is there, and no key or cookie is in any file."""
    gemtap, ana, root, store, stored = team
    assert ask(gemtap.port, "POST", GENERATE, BODY, x_goog_api_key="AIzaOwn")[0] == 401
    status, head, _ = ask(gemtap.port, "POST", GENERATE, BODY, x_goog_api_key=ana)
    assert status == 200

    def recorded() -> bytes | None:
        path = f"/api/interactions/{head['x-gemtap-id']}"
        status, _, body = ask(gemtap.dashboard_port, "GET", path, authorization=f"Bearer {root}")
        return body if status == 200 else None

    document = json.loads(eventually(recorded))
    assert document["client"]["user"] == "ana"
    assert ask(gemtap.dashboard_port, "GET", "/api/interactions")[0] == 401
    form = urlencode({"key": ana, "next": "/interactions"})
    signed_in = ask(gemtap.dashboard_port, "POST", "/signin", form)
    cookie = signed_in[1]["set-cookie"].partition(";")[0]
    assert "secure" in signed_in[1]["set-cookie"].lower()
    page = ask(gemtap.dashboard_port, "GET", "/interactions", cookie=cookie)
    assert page[0] == 200
    assert b"Why is the sky blue?" in page[2]
    assert ask(gemtap.dashboard_port, "GET", "/health", cookie=cookie)[0] == 403

    # Where others can connect, no command opens the doors.
    keys(tmp_path, "off", "--yes", store=store)
    eventually(lambda: ask(gemtap.port, "POST", GENERATE, BODY, x_goog_api_key=ana)[0] == 401 or None)
    assert ask(gemtap.port, "POST", GENERATE, BODY)[0] == 401
    gemtap.close()
    secrets = [HELD, ana, root, cookie.partition("=")[2]]
    canary = re.compile(b"|".join(re.escape(each.encode()) for each in secrets))
    assert files_with(canary, tmp_path) == []
    values = list(stored())
    assert any(b"Why is the sky blue?" in value for value in values)
    assert not any(canary.search(value) for value in values)
