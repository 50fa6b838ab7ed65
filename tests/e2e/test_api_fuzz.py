"""No request to the dashboard's API causes a server error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap
from tests.wire.peers import Peer, request

EXAMPLES = 50
"""Number of valid requests per operation of the OpenAPI description, and of invalid ones."""


def test_no_request_makes_the_api_fail(gemtap: RunningGemtap, tmp_path: Path) -> None:
    """Generated requests, valid or not, never get a 5xx, and the desk stays healthy."""
    with Peer.to(gemtap.port) as peer:
        peer.send(request("/v1beta/models/gemini-2.5-flash:generateContent", "x-goog-api-key: any"))
        peer.take_response()
    gemtap.newest(1)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://127.0.0.1:{gemtap.dashboard_port}/openapi.json",
        *("--checks", "not_a_server_error", "--mode", "all", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--generation-deterministic"),
        *("--suppress-health-check", "all", "--request-timeout", "10", "--no-color"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=3 * PATIENCE, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert gemtap.ready()["status"] == "ok"
