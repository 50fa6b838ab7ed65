"""No request to the dashboard's API causes a server error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap
from tests.wire.peers import Peer, request

EXAMPLES = int(os.environ.get("GEMTAP_TEST_API_EXAMPLES", "15"))
"""Number of valid requests per operation of the OpenAPI description, and of invalid ones. `make fuzz` tries more."""


ENDLESS = "max-stream-events = 2\n"
"""/api/live tells two events at once. It never ends, and would be read for as long as a request may take."""


def schemathesis(gemtap: RunningGemtap, folder: Path, phase: str, settings: str = "") -> str:
    """Run one of its phases with these settings, and return what it prints. It must find nothing."""
    (folder / "schemathesis.toml").write_text(ENDLESS + settings)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://127.0.0.1:{gemtap.dashboard_port}/openapi.json",
        *("--checks", "not_a_server_error", "--mode", "all", "--phases", phase),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-deterministic"),
        *("--suppress-health-check", "all", "--request-timeout", "10", "--no-color"),
    ]
    patience = PATIENCE * max(3, EXAMPLES // 10)
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=patience, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_no_request_makes_the_api_fail(own_gemtap: RunningGemtap, tmp_path: Path) -> None:
    """Generated requests, valid or not, never get a 5xx, and the desk stays healthy.

    First those of strangers, for anything. Then those that the dashboard's pages could send, for what there is.
    """
    gemtap = own_gemtap
    with Peer.to(gemtap.port) as peer:
        peer.send(request("/v1beta/models/gemini-2.5-flash:generateContent", "x-goog-api-key: any"))
        peer.take_response()
    (recorded,) = gemtap.newest(1)
    assert "Authentication failed" in schemathesis(gemtap, tmp_path, "coverage")
    token = re.search(rb'name="gemtap-token" content="([^"]+)"', gemtap.get("/setup")[1])
    assert token is not None
    settings = f"""
        headers = {{ "x-gemtap-token" = "{token[1].decode()}", origin = "http://127.0.0.1:{gemtap.dashboard_port}" }}
        [parameters]
        "path.id_" = "{recorded["id"]}"
        """
    told = schemathesis(gemtap, tmp_path, "fuzzing", settings)
    assert "Authentication failed" not in told
    assert gemtap.ready()["status"] == "ok"
