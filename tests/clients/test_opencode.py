"""opencode with OpenAI and Anthropic prints the same through Gemtap as without it, and its turns are stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import documents_until
from tests.clients.running_client import MODULES, run
from tests.clients.sdks import installed
from tests.clients.two_apis import KEYS, TwoWays, two_ways
from tests.e2e.running_gemtap import eventually

pytestmark = [pytest.mark.clients, pytest.mark.timeout(500)]

PACKAGE = "opencode-linux-x64"
ENVIRONMENT = {**KEYS, "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
PROMPT = "Call the glob tool."


@pytest.mark.parametrize(
    ("provider", "operation", "model"),
    [("openai", "openai.responses", "gpt-5"), ("anthropic", "messages.create", "claude-sonnet-4-5")],
    ids=["openai", "anthropic"],
)
def test_opencode_works_through_gemtap(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """With the lines of `gemtap setup`: streams, a call of a tool with its result, and a further prompt."""
    with two_ways(provider, tmp_path) as ways:
        direct = _Opencode(ways, tmp_path, direct=True).run(model, PROMPT)
        opencode = _Opencode(ways, tmp_path, direct=False)
        assert opencode.run(model, PROMPT) == direct
        further = opencode.run(model, "--continue", "And at night?")
        turns = eventually(lambda: found if len(found := _turns(ways, operation)) >= 3 else None)
    assert {(each["client"]["name"], each["client"]["version"]) for each in turns} == {("opencode", installed(PACKAGE))}
    assert [(each["operation"], each["model"], each["response"]["status"], each["outcome"]) for each in turns] == [
        (operation, model, 200, "complete")
    ] * 3
    assert all(each["streaming"] and each["cost"]["usd"] > 0 for each in turns)
    assert [each["thread"]["turn"] for each in turns] == [1, 2, 3]
    assert len({each["thread"]["id"] for each in turns}) == 1
    called, answered, last = turns
    assert "glob" in json.dumps(called["response"]["body"])
    assert answered["preview"]["answer"].partition("\n")[0] in direct
    assert last["preview"]["answer"].partition("\n")[0] in further
    assert not any(key in json.dumps(turns) for key in KEYS.values())


def _turns(ways: TwoWays, operation: str) -> list[Any]:
    """The conversation, without requests for a title: those may not be sent before the program ends."""
    found = documents_until(ways.gemtap, operation, 3)
    return [each for each in found if each["request"]["body"].get("tools")]


class _Opencode:
    """One installation, with nothing in its memory yet. The folder that it works in is the same for each."""

    def __init__(self, ways: TwoWays, folder: Path, *, direct: bool) -> None:
        self._home, self._work = folder / f"home-{direct}", folder / "work"
        shutil.rmtree(self._work, ignore_errors=True)
        for each in (self._home, self._work):
            each.mkdir()
        self._provider = ways.provider
        lines = ways.lines(f"{ways.provider}-opencode", direct=direct)
        (self._work / "opencode.json").write_text("\n".join(lines))

    def run(self, model: str, *arguments: str, **environment: Any) -> str:
        """What it prints."""
        command = [str(MODULES / PACKAGE / "bin" / "opencode"), "run", "--model", f"{self._provider}/{model}"]
        return run([*command, *arguments], {**ENVIRONMENT, "HOME": str(self._home), **environment}, self._work)
