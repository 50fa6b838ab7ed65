"""opencode with OpenAI and Anthropic prints the same through Gemtap as without it, and its turns are stored."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import documents_until
from tests.clients.running_client import MODULES, PATIENCE, run
from tests.clients.sdks import installed
from tests.clients.two_apis import KEYS, TwoWays, two_ways
from tests.e2e.running_gemtap import RunningGemtap, eventually

pytestmark = [pytest.mark.clients, pytest.mark.timeout(500)]

PACKAGE = "opencode-linux-x64"
ENVIRONMENT = {**KEYS, "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
PROMPT = "Call the glob tool."


APIS = pytest.mark.parametrize(
    ("provider", "operation", "model"),
    [("openai", "openai.responses", "gpt-5"), ("anthropic", "messages.create", "claude-sonnet-4-5")],
    ids=["openai", "anthropic"],
)


@APIS
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


@APIS
def test_an_error_and_a_cancelled_stream_are_stored(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """The error is shown as without Gemtap; a program that is ended amid a stream leaves what had come."""
    failing, stalling = "error-400", "fault-stall"
    with two_ways(provider, tmp_path) as ways:
        direct = _Opencode(ways, tmp_path, failing, stalling, direct=True).fail(failing)
        opencode = _Opencode(ways, tmp_path, failing, stalling, direct=False)
        assert opencode.fail(failing) == direct
        opencode.end_amid(stalling, ways.gemtap)
        found = eventually(lambda: each if len(each := _by_model(ways, operation)) == 2 else None)
    refused, cancelled = found[failing], found[stalling]
    assert refused["response"]["status"] == 400
    assert refused["error"]["message"] in direct
    assert (cancelled["outcome"], cancelled["streaming"]) == ("client_disconnected", True)


def _by_model(ways: TwoWays, operation: str) -> dict[str, Any]:
    """The last exchange of the conversation with each model."""
    found = documents_until(ways.gemtap, operation, 1)
    return {each["model"]: each for each in found if each["request"]["body"].get("tools")}


def _turns(ways: TwoWays, operation: str) -> list[Any]:
    """The conversation, without requests for a title: those may not be sent before the program ends."""
    found = documents_until(ways.gemtap, operation, 3)
    return [each for each in found if each["request"]["body"].get("tools")]


def _is_answered(line: bytes, model: str) -> bool:
    """Whether a line of the live events shows that this model answers the prompt; titles are asked of others."""
    if not line.startswith(b"data:") or PROMPT.encode() not in line:
        return False
    items = json.loads(line[5:]).get("items", ())
    return any((each["status"], each["model"], each["prompt"].strip('"')) == (200, model, PROMPT) for each in items)


class _Opencode:
    """One installation, with nothing in its memory yet. The folder that it works in is the same for each."""

    def __init__(self, ways: TwoWays, folder: Path, *models: str, direct: bool) -> None:
        """`models`: those that it does not know."""
        self._home, self._work = folder / f"home-{direct}", folder / "work"
        shutil.rmtree(self._work, ignore_errors=True)
        for each in (self._home, self._work):
            each.mkdir()
        self._provider = ways.provider
        lines = ways.lines(f"{ways.provider}-opencode", direct=direct)
        config = json.loads("\n".join(lines))
        if models:
            config["provider"][ways.provider]["models"] = {name: {"name": name} for name in models}
        (self._work / "opencode.json").write_text(json.dumps(config))

    def run(self, model: str, *arguments: str) -> str:
        """What it prints."""
        return run([*self._command(model), *arguments], self._environment, self._work)

    def fail(self, model: str) -> str:
        """What it says of an error, without colours."""
        done = self._start(model)
        said, _ = done.communicate(timeout=PATIENCE)
        return re.sub(r"\x1b\[\d*m", "", said)

    def end_amid(self, model: str, gemtap: RunningGemtap) -> None:
        """End it while an answer is under way."""
        program = self._start(model)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{gemtap.dashboard_port}/api/live", timeout=PATIENCE) as live:
                next(line for line in live if _is_answered(line, model))
        finally:
            program.terminate()
            program.communicate(timeout=PATIENCE)

    def _command(self, model: str) -> list[str]:
        return [str(MODULES / PACKAGE / "bin" / "opencode"), "run", "--model", f"{self._provider}/{model}"]

    @property
    def _environment(self) -> dict[str, str]:
        return {**ENVIRONMENT, "HOME": str(self._home)}

    def _start(self, model: str) -> subprocess.Popen[str]:
        closed = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        environment = {"PATH": os.environ["PATH"], **closed, "NO_PROXY": "127.0.0.1,localhost", **self._environment}
        return subprocess.Popen(
            [*self._command(model), PROMPT],
            cwd=self._work,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
