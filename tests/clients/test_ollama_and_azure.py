"""Ollama's SDK and OpenAI's for Azure see the same through Gemtap as without it, and what they did is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.recorded import documents
from tests.clients.running_client import python_client, run, see
from tests.clients.setup_lines import exported, setup_lines
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

OLLAMA = ("chat", "stream", "chat_with_a_call", "generate", "embed", "models", "an_error")
AZURE = ("generate", "stream", "an_error")


def test_ollama(api: SimulatedApi, tmp_path: Path) -> None:
    """By the lines of `gemtap setup`: chats, thoughts, calls, images, completions, embeddings and errors, all free."""
    gemtap = RunningGemtap(tmp_path, api.origin, "--upstream", f"ollama={api.origin}")
    try:
        command = python_client("ollama", "use_ollama.py")
        direct = see(command, api.origin, *OLLAMA)
        assert see(command, "", *OLLAMA, **exported(setup_lines(gemtap, "ollama"))) == direct
        assert see(command, gemtap.origin, "chat") == {"chat": direct["chat"]}
        (line,) = setup_lines(gemtap, "ollama-python")
        shown = run(
            [command[0], "-c", f"import ollama\n{line}\nprint([each.model for each in client.list().models])"], {}
        )
        assert shown.strip() == str([each["model"] for each in direct["models"]["models"]])
        stored = documents(gemtap, 10)
    finally:
        gemtap.close()
    assert [each["operation"].removeprefix("ollama.") for each in stored] == [
        *("chat", "chat", "chat", "chat", "generate", "embed", "tags", "chat", "chat", "tags"),
    ]
    assert {each["provider"] for each in stored} == {"ollama"}
    assert [each["response"]["status"] for each in stored] == [200] * 7 + [404, 200, 200]
    streamed, result = stored[1], stored[3]
    message = streamed["response"]["body"]["message"]
    assert (message["thinking"], message["content"]) == ("Let me see.", "You said: What is this?")
    assert streamed["tokens"]["output"] == 12
    assert (result["thread"]["turn"], result["thread"]["parent"]) == (2, stored[2]["id"])
    assert stored[7]["error"]["message"] == "model 'absent' not found"
    assert all(each["cost"] is None for each in stored)
    assert stored[0]["client"]["name"] == "ollama-python"


def test_azure(api: SimulatedApi, tmp_path: Path) -> None:
    """Deployments, streams and errors, with a key that is stored nowhere."""
    gemtap = RunningGemtap(tmp_path, api.origin, "--upstream", f"azure={api.origin}")
    try:
        command = python_client("openai", "use_azure_openai.py")
        direct = see(command, f"{api.origin}/my-resource", *AZURE)
        assert see(command, f"{gemtap.origin}/azure/my-resource", *AZURE) == direct
        stored = documents(gemtap, len(AZURE))
    finally:
        gemtap.close()
    assert [(each["provider"], each["operation"], each["model"]) for each in stored] == [
        ("azure", "openai.chat.completions", model) for model in ("gpt-4o", "gpt-4o", "error-404")
    ]
    assert stored[1]["streaming"]
    assert stored[0]["cost"]["usd"] > 0
    assert (stored[2]["response"]["status"], stored[2]["error"] is not None) == (404, True)
    assert b"azure-key-canary" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
