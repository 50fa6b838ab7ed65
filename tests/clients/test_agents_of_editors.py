"""The command lines of Cline, Kilo Code and Continue work through Gemtap, and their turns are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import documents_until
from tests.clients.running_client import MODULES, run
from tests.clients.two_apis import KEYS, TwoWays, two_ways

pytestmark = [pytest.mark.clients, pytest.mark.timeout(500)]

OPENAI = ("openai", "openai.responses", "gpt-5")
ANTHROPIC = ("anthropic", "messages.create", "claude-sonnet-4-5")
QUESTIONS = ("Why is the sky blue?", "And at night?")


@pytest.mark.parametrize(("provider", "operation", "model"), [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
def test_kilo_code_works_through_gemtap(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """With the lines of `gemtap setup` in kilo.json: two questions are a thread, known by name."""
    with two_ways(provider, tmp_path) as ways:
        kilo = [str(MODULES / "@kilocode" / "cli-linux-x64" / "bin" / "kilo"), "run", "--auto", "--model"]
        agent = _Agent(tmp_path, KILO_DISABLE_MODELS_FETCH="1", KILO_DISABLE_AUTOUPDATE="1", KILO_TELEMETRY_LEVEL="off")
        (agent.work / "kilo.json").write_text("\n".join(ways.lines(f"{provider}-kilo-code")))
        command = [*kilo, f"{provider}/{model}"]
        said = [agent.run(*command, QUESTIONS[0]), agent.run(*command, "--continue", QUESTIONS[1])]
        found = _turns(ways, operation)
    _check(found, operation, model, said)
    assert {each["client"]["name"] for each in found} == {"Kilo Code"}


@pytest.mark.parametrize(
    ("provider", "operation", "model"),
    [("openai", "openai.chat.completions", "gpt-4.1"), ANTHROPIC],
    ids=["openai", "anthropic"],
)
def test_continue_works_through_gemtap(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """With the lines of `gemtap setup` in its configuration: two questions are a thread."""
    with two_ways(provider, tmp_path) as ways:
        agent = _Agent(tmp_path)
        head = ["name: Test", "version: 0.0.1", "schema: v1", "models:", "  - name: mine"]
        own = [f"model: {model}", f"apiKey: {KEYS[f'{provider.upper()}_API_KEY']}", "roles: [chat]"]
        lines = [*head, *(f"    {line}" for line in (*own, *ways.lines(f"{provider}-continue")))]
        (agent.work / "config.yaml").write_text("\n".join([*lines, ""]))
        script = str(MODULES / "@continuedev" / "cli" / "dist" / "cn.js")
        command = ["node", script, "--config", str(agent.work / "config.yaml"), "-p"]
        said = [agent.run(*command, QUESTIONS[0]), agent.run(*command, "--resume", QUESTIONS[1])]
        found = _turns(ways, operation)
    _check(found, operation, model, said)


def test_cline_works_through_gemtap(tmp_path: Path) -> None:
    """With the address of `gemtap setup` as the base URL of OpenAI, the only API for which its command takes one."""
    with two_ways("openai", tmp_path) as ways:
        agent = _Agent(tmp_path)
        cline = str(MODULES / "@cline" / "cli-linux-x64" / "bin" / "cline")
        (address,) = ways.lines("openai-cline")
        agent.run(cline, "auth", "openai", "-k", KEYS["OPENAI_API_KEY"], "-m", "gpt-5", "-b", address)
        lines = agent.run(cline, "--json", "-P", "openai", "-m", "gpt-5", QUESTIONS[0]).splitlines()
        found = _turns(ways, "openai.chat.completions", 1)
    results = [event for line in lines if (event := json.loads(line))["type"] == "run_result"]
    _check(found, "openai.chat.completions", "gpt-5", [result["text"] for result in results])


class _Agent:
    """One installation with nothing in its memory, in an empty folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._home, self.work = folder / "home", folder / "work"
        for each in (self._home, self.work):
            each.mkdir()
        self._environment = {**KEYS, **environment, "HOME": str(self._home)}

    def run(self, *command: str) -> str:
        """What it prints."""
        return run(list(command), self._environment, self.work)


def _turns(ways: TwoWays, operation: str, count: int = 2) -> list[Any]:
    """The conversation, without requests for a title."""
    found = documents_until(ways.gemtap, operation, count)
    return [each for each in found if each["operation"] == operation and each["request"]["body"].get("tools")]


def _check(found: list[Any], operation: str, model: str, said: list[str]) -> None:
    assert [(each["operation"], each["model"], each["response"]["status"], each["outcome"]) for each in found] == [
        (operation, model, 200, "complete")
    ] * len(said)
    assert all(each["streaming"] and each["cost"]["usd"] > 0 for each in found)
    assert [each["thread"]["turn"] for each in found] == [*range(1, len(said) + 1)]
    assert len({each["thread"]["id"] for each in found}) == 1
    for each, printed in zip(found, said, strict=True):
        assert each["preview"]["answer"][:30] in printed
    assert not any(key in json.dumps(found) for key in KEYS.values())
