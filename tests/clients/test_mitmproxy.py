"""What mitmproxy has recorded, in its own format, imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.clients.running_client import ROOT
from tests.e2e.leaks import files_with, sqlite_values
from tests.e2e.running_gemtap import PATIENCE, SimulatedApi, eventually, free_port, is_free

pytestmark = pytest.mark.clients

SIGNED = "https://storage.googleapis.com/b/o?X-Goog-Signature=canary0123456789SecretSecret&a=1"
PROGRAMS = ROOT / ".venv" / "clients" / "mitmproxy" / "bin"


def test_flows_of_mitmproxy(api: SimulatedApi, tmp_path: Path) -> None:
    """A plain answer and a stream, whose requests bring credentials along in every place: none of them is stored."""
    assert (PROGRAMS / "mitmdump").exists(), "it is not installed: `make test-clients` does that"
    port = free_port()
    recording = subprocess.Popen(
        [
            *(str(PROGRAMS / "mitmdump"), "--quiet", "--mode", f"reverse:{api.origin}", "--listen-host", "127.0.0.1"),
            *(
                "--listen-port",
                str(port),
                "--set",
                f"confdir={tmp_path}",
                "--save-stream-file",
                str(tmp_path / "flows"),
            ),
        ]
    )
    try:
        eventually(lambda: None if is_free(port) else True)
        for call in ("generateContent?key=", "streamGenerateContent?alt=sse&key="):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1beta/models/gemini-2.5-flash:{call}AIzaSecretSecret",
                json.dumps(
                    {
                        "contents": [
                            {"role": "user", "parts": [{"text": "Why?"}, {"fileData": {"fileUri": SIGNED}}]},
                        ],
                        "tools": [{"headers": {"Authorization": "Bearer canary-SecretSecret"}}],
                    }
                ).encode(),
                {
                    "content-type": "application/json",
                    "cookie": "session=canary-SecretSecret-1",
                    "authorization": "Bearer canary-SecretSecret-2",
                    "referer": "https://app.test/?access_token=canary-SecretSecret-3",
                },
            )
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                assert answer.status == 200
                answer.read()
    finally:
        recording.terminate()
        recording.wait(PATIENCE)

    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "gemtap", "import", "flows", "--json"]
    for stored in (2, 0):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, timeout=PATIENCE, check=True, text=True
        )
        told = json.loads(done.stdout)["flows"]
        assert (told["read"], told["stored"], told["faulty"]) == (2, stored, 0)
    listed = subprocess.run(
        [sys.executable, "-m", "gemtap", "export", "jsonl"],
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        text=True,
    ).stdout
    assert "Secret" not in listed
    assert listed.count("[redacted:") >= 10
    database = [*sqlite_values(tmp_path)]
    assert database
    assert not any(b"secret" in value.lower() for value in database)
    assert files_with(re.compile(b"SecretSecret"), tmp_path / "data") == []
    plain, stream = map(json.loads, listed.splitlines())
    assert (plain["operation"], stream["operation"]) == ("generateContent", "streamGenerateContent")
    assert (plain["streaming"], stream["streaming"]) == (False, True)
    for document in (plain, stream):
        assert document["model"] == "gemini-2.5-flash"
        assert document["tokens"]["total"] > 0
        assert document["preview"]["answer"]
        assert document["finish_reason"] == "STOP"
