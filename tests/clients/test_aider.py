"""aider with OpenAI and Anthropic prints the same through Gemtap as without it, and its requests are stored."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.clients.recorded import Stored, documents, stored
from tests.clients.running_client import ROOT, run
from tests.clients.two_apis import KEYS, TwoWays, two_ways

pytestmark = [pytest.mark.clients, pytest.mark.timeout(500)]

AIDER = ROOT / ".venv" / "clients" / "aider" / "bin" / "aider"
ENVIRONMENT = {**KEYS, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
# Nothing from the internet, nothing asked, and one request a prompt.
OPTIONS = (
    *(
        "--no-git",
        "--yes-always",
        "--no-check-update",
        "--analytics-disable",
        "--no-show-model-warnings",
        "--no-pretty",
    ),
    *("--no-show-release-notes", "--no-gitignore", "--no-suggest-shell-commands", "--map-tokens", "0"),
)


BOTH = pytest.mark.parametrize(
    ("provider", "operation", "model"),
    [("openai", "openai.chat.completions", "gpt-5"), ("anthropic", "messages.create", "claude-sonnet-4-6")],
    ids=["openai", "anthropic"],
)


@BOTH
def test_aider_works_through_gemtap(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """With the lines of `gemtap setup`, its name included: a stream, a whole response and an error."""
    with two_ways(provider, tmp_path) as ways:
        direct = _aider(ways, tmp_path / "direct", model, "Why is the sky blue?")
        assert _aider(ways, tmp_path / "tapped", model, "Why is the sky blue?") == direct
        _aider(ways, tmp_path / "tapped", model, "And at night?", "--no-stream")
        said = _aider(ways, tmp_path / "tapped", "error-400", "Too much?")
        found = documents(ways.gemtap, 3)
    call = Stored(operation, model)
    assert [stored(each) for each in found] == [call, call, Stored(operation, "error-400", 400)]
    assert {each["client"]["name"] for each in found} == {"aider"}
    streamed, whole, refused = found
    assert [each["streaming"] for each in found[:2]] == [True, False]
    assert streamed["preview"]["answer"].partition("\n")[0] in direct
    assert whole["tokens"]["output"] > 0
    assert refused["error"]["message"]
    assert "error" in said.lower()
    assert not any(key in json.dumps(found) for key in KEYS.values())


@BOTH
def test_the_turns_of_aider_are_one_thread(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """It moves its rules from the end of each question to the next, with the files before them."""
    with two_ways(provider, tmp_path) as ways:
        folder = tmp_path / "tapped"
        folder.mkdir()
        (folder / "a.py").write_text("def f():\n    return 1\n")
        questions = "Why is the sky blue?\nAnd at night?\nAnd on the moon?\n/exit\n"
        *lines, _ = ways.lines(f"{provider}-aider")
        called = [
            str(AIDER),
            "--model",
            f"{provider}/{model}",
            *OPTIONS,
            "--no-fancy-input",
            "--edit-format",
            "diff",
            "a.py",
        ]
        script = "\n".join([*lines, f"printf %s {shlex.quote(questions)} | {shlex.join(called)}"])
        run(["sh", "-ec", script], {**ENVIRONMENT, "HOME": str(folder)}, folder)
        found = documents(ways.gemtap, 3)
    assert [each["operation"] for each in found] == [operation] * 3
    assert [(each["thread"]["turn"], each["thread"]["new_messages"]) for each in found[1:]] == [(2, 1), (3, 1)]
    assert len({each["thread"]["id"] for each in found}) == 1
    assert all("SEARCH/REPLACE" in json.dumps(each["request"]["body"]["messages"][-1]) for each in found)


def _aider(ways: TwoWays, folder: Path, model: str, prompt: str, *options: str) -> str:
    """What it prints from the answer on."""
    folder.mkdir(exist_ok=True)
    *lines, command = ways.lines(f"{ways.provider}-aider", direct=folder.name == "direct")
    assert command.startswith("aider --model ")
    called = [str(AIDER), "--model", f"{ways.provider}/{model}", *OPTIONS, *options, "--message", prompt]
    script = "\n".join([*lines, shlex.join(called)])
    return run(["sh", "-ec", script], {**ENVIRONMENT, "HOME": str(folder)}, folder).partition("Repo-map: disabled")[2]
