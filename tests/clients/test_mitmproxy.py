"""What mitmproxy has recorded, in its own format, imported."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running_client import ROOT
from tests.e2e.leaks import files_with, sqlite_values
from tests.e2e.running_gemtap import PATIENCE, SimulatedApi, eventually, is_free
from tests.ports import free_port

pytestmark = pytest.mark.clients

SIGNED = "https://storage.googleapis.com/b/o?X-Goog-Signature=canary0123456789SecretSecret&a=1"
FLOWS = Path(__file__).parent / "flows"
UPLOADED = b"%PDF-1.4\n\xc7\xec\x8f\xa2 neutral bytes"

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

    for stored in (2, 0):
        told = imported(tmp_path / "flows", tmp_path)
        assert (told["read"], told["stored"], told["faulty"]) == (2, stored, 0)
    listed = exported(tmp_path)
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


def imported(flows: Path, folder: Path) -> Any:
    """The report of importing a file into a store in this folder."""
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", "import", str(flows), "--json"],
        cwd=folder,
        env=os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=PATIENCE,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)[str(flows)]
    assert done.returncode == (1 if report["faulty"] else 0)
    return report


def exported(folder: Path) -> str:
    """All that is in the store of this folder, as JSON lines."""
    return subprocess.run(
        [sys.executable, "-m", "gemtap", "export", "jsonl"],
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        text=True,
    ).stdout


def test_a_stream_without_a_charset(tmp_path: Path) -> None:
    """mitmproxy shows event streams as Latin-1; their bytes are UTF-8."""
    assert imported(FLOWS / "event-stream.mitm", tmp_path)["stored"] == 1
    assert json.loads(exported(tmp_path))["preview"]["answer"] == "Zürich – größer, 東京, “quotes” 🙂"


def test_an_upload_that_is_no_text(tmp_path: Path) -> None:
    """Its bytes are as they were sent, and what comes after it is stored."""
    told = imported(FLOWS / "binary-upload.mitm", tmp_path)
    assert (told["read"], told["stored"], told["doubtful"]) == (5, 5, 0)
    upload = json.loads(exported(tmp_path).splitlines()[1])
    assert upload["operation"] == "files.upload"
    assert upload["request"]["body"] == {"base64": base64.b64encode(UPLOADED).decode()}


def test_no_flow_ends_the_rest(tmp_path: Path) -> None:
    """mitmproxy was killed while it wrote one, knows another one not, and something else was written in between."""
    one, two, three, four, five = frames((FLOWS / "binary-upload.mitm").read_bytes())
    unknown = two.replace(b"4:type;4:http;", b"4:type;4:smtp;")
    flows = tmp_path / "damaged"
    flows.write_bytes(one + two[:900] + three + unknown + b"something else" + four + five[:-200])
    told = imported(flows, tmp_path)
    assert [each["place"] for each in told["faults"]] == ["flow 2", "flow 4", "flow 5", "flow 7"]
    assert (told["read"], told["stored"]) == (7, 3)


def test_what_is_no_file_of_flows(tmp_path: Path) -> None:
    """It begins like one."""
    flows = tmp_path / "none"
    flows.write_bytes(b"12:something else")
    assert [each["place"] for each in imported(flows, tmp_path)["faults"]] == ["flow 1"]


def frames(content: bytes) -> Iterator[bytes]:
    """The flows of a file, each a netstring."""
    while content:
        digits, _, _ = content.partition(b":")
        end = len(digits) + 1 + int(digits) + 1
        yield content[:end]
        content = content[end:]
