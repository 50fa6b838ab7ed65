"""Providers of the settings in a running Gemtap: recorded, shown, found, costed and replayed like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.running_gemtap import PATIENCE, RunningGemtap, SimulatedApi

SETTINGS = """\
[providers.lab]
dialect = "gemini"
upstream = "http://127.0.0.1:9/v1beta"
title = "The lab"
key = "LAB_KEY"
prices."gemini-2.5-*" = { input = 10, output = 20 }

[providers.other]
dialect = "openai"
upstream = "http://127.0.0.1:9/v1"
key = "LAB_KEY"
"""


@pytest.fixture(scope="module")
def gemtap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """A running Gemtap whose settings add `lab`. The command line has another
    upstream for it, which counts."""
    folder = tmp_path_factory.mktemp("gemtap")
    (folder / "gemtap.toml").write_text(SETTINGS)
    api = SimulatedApi("--pace", "0.001")
    upstreams = ("--upstream", f"lab={api.origin}/v1beta", "--upstream", f"other={api.origin}/v1beta/openai")
    gemtap = RunningGemtap(folder, "http://127.0.0.1:9", *upstreams, LAB_KEY="a-lab-key")
    try:
        yield gemtap
    finally:
        gemtap.close()
        api.stop()


@pytest.fixture(scope="module")
def recorded(gemtap: RunningGemtap) -> Any:
    """A conversation with `lab`."""
    request = urllib.request.Request(
        gemtap.origin + "/lab/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        json.dumps({"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}).encode(),
        {"content-type": "application/json", "x-goog-api-key": "of-the-client"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()
        return gemtap.interaction(answer.headers["x-gemtap-id"])


def run(gemtap: RunningGemtap, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in the folder of the settings file."""
    return subprocess.run(
        [sys.executable, "-m", "gemtap", *arguments],
        env=os.environ | {"GEMTAP_DATA_DIR": str(gemtap.data_dir), "LAB_KEY": "a-lab-key"},
        cwd=gemtap.data_dir.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_it_is_recorded_with_its_own_price(recorded: Any) -> None:
    """The dialect reads it; the settings price it."""
    tokens = recorded["tokens"]
    assert (recorded["provider"], recorded["operation"], recorded["model"]) == (
        "lab",
        "streamGenerateContent",
        "gemini-2.5-flash",
    )
    assert recorded["streaming"]
    assert recorded["thread"]["turn"] == 1
    usd = (tokens["input"] * 10 + (tokens["output"] + (tokens["reasoning"] or 0)) * 20) / 1e6
    assert recorded["cost"]["usd"] == pytest.approx(usd)
    assert recorded["cost"]["source"] == "the setting providers.lab.prices"


def test_pages_and_commands_know_it(gemtap: RunningGemtap, recorded: Any) -> None:
    """Queries, statistics, the page of the interaction, and commands that read the same settings file."""
    assert [each["id"] for each in gemtap.api("interactions?provider=lab")["items"]] == [recorded["id"]]
    assert "blue" in gemtap.get(f"/interactions/{recorded['id']}")[1].decode()
    shown = run(gemtap, "show", recorded["id"])
    assert "Why is the sky blue?" in shown.stdout, shown.stderr
    exported = run(gemtap, "export", "openai-chat", "--where", "provider:lab")
    assert json.loads(exported.stdout)["messages"][0] == {"role": "user", "content": "Why is the sky blue?"}
    listed = json.loads(run(gemtap, "providers", "--json").stdout.replace("\n", ""))["providers"]
    assert [each["title"] for each in listed if each["name"] == "lab"] == ["The lab"]


def test_it_is_sent_again_to_where_the_running_gemtap_sends_it(gemtap: RunningGemtap, recorded: Any) -> None:
    """The settings file has another upstream than the command line of `gemtap serve`, which no other command sees."""
    done = run(gemtap, "replay", recorded["id"], "--json")
    assert done.returncode == 0, done.stderr
    new = json.loads(done.stdout)
    assert (new["provider"], new["replay_of"], new["response"]["status"]) == ("lab", recorded["id"], 200)


def test_another_provider_is_asked_for_the_same(gemtap: RunningGemtap, recorded: Any) -> None:
    """In its own shape, from the command line and from the dashboard's API."""
    done = run(gemtap, "replay", recorded["id"], "--provider", "other", "--model", "gemini-2.5-pro", "--json")
    assert done.returncode == 0, done.stderr
    new = json.loads(done.stdout)
    assert (new["provider"], new["operation"], new["model"]) == ("other", "openai.chat.completions", "gemini-2.5-pro")
    assert new["request"]["body"]["messages"] == [{"role": "user", "content": "Why is the sky blue?"}]
    assert (new["replay_of"], new["streaming"], new["finish_reason"]) == (recorded["id"], True, "stop")
    lost = gemtap.api(f"interactions/{recorded['id']}/replay/lost?provider=other&model=m")
    assert lost == {"lost": [], "usd": None}
    refused = run(gemtap, "replay", recorded["id"], "--provider", "other")
    assert (refused.returncode, "give --model" in refused.stderr) == (1, True)
