"""gemini-cli with an API key, with a key for Vertex, and with a Google account's token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import MODEL, STREAM, documents_until, stored, text_of
from tests.clients.running_client import MODULES, run
from tests.clients.sdks import installed
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

CLI = MODULES / "@google" / "gemini-cli" / "bundle" / "gemini.js"
PROMPT = "Why is the sky blue?"


@dataclass(frozen=True)
class Way:
    """A way to sign in."""

    name: str
    auth: str
    """`security.auth.selectedType` in settings.json."""
    base_url: str
    """The variable of the base URL."""
    environment: Mapping[str, str]
    provider: str
    before: Sequence[str] = ()
    """The operations beside prompts, whatever their order and number."""


WAYS = [
    Way("api-key", "gemini-api-key", "GOOGLE_GEMINI_BASE_URL", {"GEMINI_API_KEY": "AIzaSyCanary"}, "gemini"),
    Way(
        name="api-key-as-bearer",
        auth="gemini-api-key",
        base_url="GOOGLE_GEMINI_BASE_URL",
        environment={"GEMINI_API_KEY": "AIzaSyCanary", "GEMINI_API_KEY_AUTH_MECHANISM": "bearer"},
        provider="gemini",
    ),
    Way(
        name="vertex-express",
        auth="vertex-ai",
        base_url="GOOGLE_VERTEX_BASE_URL",
        environment={"GOOGLE_API_KEY": "AIzaSyCanary", "GOOGLE_GENAI_USE_VERTEXAI": "true"},
        provider="vertex",
    ),
    Way(
        name="code-assist",
        auth="oauth-personal",
        base_url="CODE_ASSIST_ENDPOINT",
        # A token that was given stands for the login in a browser.
        environment={"GOOGLE_GENAI_USE_GCA": "true", "GOOGLE_CLOUD_ACCESS_TOKEN": "ya29.canary"},
        provider="code_assist",
        before=("loadCodeAssist", "retrieveUserQuota", "listExperiments"),
    ),
]


def ask(way: Way, origin: str, home: Path) -> Any:
    """What `gemini -p PROMPT` answers."""
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(
        json.dumps({"security": {"auth": {"selectedType": way.auth}}, "privacy": {"usageStatisticsEnabled": False}})
    )
    folder = home / "project"
    folder.mkdir(exist_ok=True)
    command = ["node", str(CLI), "--prompt", PROMPT, "--model", MODEL, "--output-format", "json"]
    environment = {"HOME": str(home), "GEMINI_CLI_TRUST_WORKSPACE": "true", way.base_url: origin, **way.environment}
    return json.loads(run(command, environment, folder))


def essence(answer: Any) -> Any:
    """The answer without durations, the session's id and the last line, which the ids of calls decide."""
    stats = answer["stats"]
    tokens = stats["models"][MODEL]["tokens"]
    return answer["response"].split("\n\n")[:2], tokens["prompt"], tokens["cached"], stats["tools"]["byName"].keys()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_gemini_cli(gemtap: RunningGemtap, api: SimulatedApi, tmp_path: Path, way: Way) -> None:
    """A prompt, which the model answers with a call, and the call's result."""
    direct, tapped = (ask(way, origin, tmp_path / "home") for origin in (api.origin, gemtap.origin))
    assert essence(tapped) == essence(direct)

    everything = documents_until(gemtap, "streamGenerateContent", 2)
    asked = [each for each in everything if each["operation"] == "streamGenerateContent"]
    assert {each["operation"] for each in everything} == {"streamGenerateContent", *way.before}
    assert [stored(each) for each in asked] == [STREAM, STREAM]
    for document in everything:
        assert document["provider"] == way.provider
        assert (document["client"]["name"], document["client"]["version"]) == (
            "gemini-cli",
            installed("@google/gemini-cli"),
        )
    assert "functionCall" in json.dumps(asked[0]["response"]["body"])
    assert text_of(asked[1]["response"]["body"]) == tapped["response"]
    tokens = tapped["stats"]["models"][MODEL]["tokens"]
    assert sum(each["tokens"]["input"] for each in asked) == tokens["prompt"]
