"""Codex with an API key, over a WebSocket and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.recorded import documents_until
from tests.clients.running_client import MODULES, run
from tests.clients.sdks import installed
from tests.clients.setup_lines import setup_lines
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

CLI = MODULES / "@openai" / "codex" / "bin" / "codex.js"
PROMPT = "Why is the sky blue?"
PROVIDER = """
model_provider = "tapped"
[model_providers.tapped]
name = "Tapped"
base_url = "{base}"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
"""


@pytest.mark.parametrize(
    ("config", "status"), [(None, 101), (PROVIDER, 200)], ids=["the lines of setup", "model_providers"]
)
def test_codex_answers_and_is_stored(config: str | None, status: int, tmp_path: Path) -> None:
    """With the lines of `gemtap setup codex` it holds a session, with a provider of one's own it sends requests."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    api = SimulatedApi("--pace", "0.01", "--provider", "openai")
    gemtap = RunningGemtap(tmp_path, api.origin, f"--upstream=openai={api.origin}")
    try:
        lines = setup_lines(gemtap, "codex")
        if config is not None:
            lines = [config.format(base=f"{gemtap.origin}/openai/v1")]
        (home / "config.toml").write_text("\n".join(['model = "gpt-5"', *lines, ""]))
        keys = dict.fromkeys(("CODEX_API_KEY", "OPENAI_API_KEY"), "sk-Canary-0123456789")
        command = ["node", str(CLI), "exec", "--skip-git-repo-check", "--sandbox", "read-only", PROMPT]
        said = run(command, {"HOME": str(home), "CODEX_HOME": str(home), **keys}, work).strip()
        stored = documents_until(gemtap, "openai.responses", 1)
    finally:
        gemtap.close()
        api.stop()
    document = next(each for each in stored if each["tokens"]["output"])
    assert document["response"]["status"] == status
    assert (document["client"]["name"], document["client"]["version"]) == ("Codex", installed("@openai/codex"))
    assert document["preview"]["prompt"].endswith(PROMPT)
    assert document["preview"]["answer"] == said.split("\n")[0] != ""
    assert document["thread"]["turn"] == 1
    assert document["cost"]["usd"] > 0
