"""Runs every example of the commands' help as it is, except for addresses and ids."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gemtap.cli.app import commands, register
from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi, eventually
from tests.ports import free_port

register()
ELSEWHERE = "gemtap ca trust --store browsers"
"""The example that needs a browser: tests/clients/test_run.py runs it."""
EXAMPLES = [
    example
    for _, command in commands()
    for example in re.findall(r"^\s*Example: (.+)$", command.help or "", re.M)
    if example != ELSEWHERE
]
GO_ON = ("serve", "demo", "tail")
"""Commands that run until they are told to exit."""
OF_THE_USER = ("claude", "code")
"""Programs that examples of `gemtap run` start."""
SAVED = ("searches", "save", "slow", "duration:>1s")
BEFORE = {
    "searches save slow": ("searches", "delete", "slow"),
    "ls --saved slow": SAVED,
    "searches rename slow": SAVED,
    "searches delete slow": SAVED,
    "keys rotate ana": ("keys", "add", "ana"),
    "keys revoke ana": ("keys", "add", "ana"),
}
"""What is run before the examples that begin like this. It may fail: all share a store."""


@pytest.fixture(scope="module")
def gemtap(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """A running Gemtap with a recorded interaction."""
    gemtap = RunningGemtap(tmp_path_factory.mktemp("gemtap"), api.origin)
    yield gemtap
    gemtap.close()


@pytest.fixture(scope="module")
def recorded(gemtap: RunningGemtap) -> str:
    """The id of an interaction."""
    request = urllib.request.Request(
        gemtap.origin + "/v1beta/models/gemini-2.5-flash:generateContent",
        json.dumps({"contents": [{"role": "user", "parts": [{"text": "connection refused"}]}]}).encode(),
        {"content-type": "application/json", "x-goog-api-key": "a-key-for-nobody"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        id_: str = answer.headers["x-gemtap-id"]
    gemtap.interaction(id_)
    return id_


@pytest.fixture(scope="module")
def exported(gemtap: RunningGemtap, recorded: str) -> str:
    """What `gemtap export jsonl` writes."""
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", "export", "jsonl", *gemtap.reading],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert recorded in done.stdout, done.stderr
    return done.stdout


@pytest.fixture
def folder(gemtap: RunningGemtap, exported: str, tmp_path: Path) -> Path:
    """A working directory with the files that the examples use."""
    (tmp_path / "all.jsonl").write_text(exported)
    # The proxy itself, which answers: `doctor` reports an upstream that does not.
    gateway = f'[providers.gateway]\ndialect = "gemini"\nupstream = "{gemtap.origin}"\n'
    (tmp_path / "gemtap.toml").write_text(gateway)
    for program in OF_THE_USER:
        (tmp_path / program).symlink_to("/bin/true")
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_runs(example: str, gemtap: RunningGemtap, recorded: str, folder: Path, mongod_url: str) -> None:
    """Every example succeeds."""
    command, _, reader = example.partition(" | ")
    program, name, *arguments = shlex.split(
        command.replace("66f1c0ffee0123456789abcd", recorded).replace("mongodb://localhost/gemtap", mongod_url)
    )
    assert program == "gemtap"
    environment = os.environ | gemtap.environment | {"GEMINI_API_KEY": "a-key-for-nobody"}
    # The browsers whose stores `gemtap ca` changes, and the programs that `gemtap run` starts, are this folder's.
    environment |= {"HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
    if name == "keys":
        environment["GEMTAP_DATA_DIR"] = str(folder / "data")
    if name in ("serve", "demo"):
        # Its own ports and data directory, since the fixture's Gemtap uses the others.
        environment = os.environ | {
            "GEMTAP_PORT": str(free_port()),
            "GEMTAP_DASHBOARD_PORT": str(free_port()),
            "GEMTAP_DATA_DIR": str(folder / "data"),
        }
        if "--port" in arguments:
            arguments[arguments.index("--port") + 1] = environment["GEMTAP_PORT"]
    for beginning, first in BEFORE.items():
        if " ".join((name, *arguments)).startswith(beginning):
            subprocess.run([sys.executable, "-m", "gemtap", *first], cwd=folder, env=environment, check=False)
    full = [sys.executable, "-m", "gemtap", name, *arguments]
    if name in GO_ON:
        goes_on(full, folder, environment)
        return
    done = subprocess.run(
        full,
        cwd=folder,
        env=environment,
        input=b"y\n" if name == "keys" else b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    if reader.startswith("jq "):
        for line in done.stdout.splitlines():
            json.loads(line)


def goes_on(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """The command prints something, and exits cleanly on Ctrl-C."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        eventually(lambda: (folder / "said").read_bytes().strip() or None)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, (folder / "said").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


def test_completion_knows_commands_and_formats() -> None:
    """Shell completion offers commands, formats, clients and options."""

    def completed(words: str) -> list[str]:
        done = subprocess.run(
            [Path(sys.executable).parent / "gemtap"],
            env=os.environ
            | {"_GEMTAP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout.split()

    assert completed("gemtap ex") == ["export"]
    assert completed("gemtap export open") == ["openai-chat"]
    assert "cline" in completed("gemtap setup cl")
    assert "--older-than" in completed("gemtap prune --old")
