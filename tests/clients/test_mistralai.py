"""Mistral's SDK sees the same through Gemtap as without it, and what it did is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recorded import Stored, documents, stored
from tests.clients.running_client import python_client, see
from tests.clients.sdks import pinned
from tests.clients.setup_lines import setup_lines
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = pytest.mark.clients

MODEL = "mistral-medium-latest"
CHAT = Stored("openai.chat.completions", MODEL)
CALLS = {
    "generate": [CHAT],
    "stream": [CHAT],
    "chat_with_a_call": [CHAT] * 2,
    "a_conversation": [Stored("mistral.conversations", MODEL), *[Stored("mistral.conversations.append")] * 2],
    "a_gap_in_code": [Stored("mistral.fim.completions", "codestral-latest")],
    "an_error": [CHAT._replace(model="error-400", status=400)],
}
"""What each task leaves behind, call by call."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, list[Any]]]:
    """What the SDK sees without Gemtap and by the line of `gemtap setup`, and what was stored."""
    apis = [SimulatedApi("--pace", "0.01", "--provider", "mistral") for _ in range(2)]
    folder: Path = tmp_path_factory.mktemp("mistralai")
    gemtap = RunningGemtap(folder, apis[0].origin, f"--upstream=mistral={apis[0].origin}/v1")
    try:
        command = python_client("mistralai", "use_mistralai.py")
        direct = see(command, apis[1].origin, *CALLS)
        (line,) = setup_lines(gemtap, "mistralai-python")
        tapped = see(command, line.partition('server_url="')[2].removesuffix('")'), *CALLS)
        yield direct, tapped, documents(gemtap, sum(map(len, CALLS.values())))
    finally:
        gemtap.close()
        for api in apis:
            api.stop()


def test_it_sees_the_same_through_gemtap(found: Any) -> None:
    """Chats, streams, calls, conversations that the API holds, gaps in code, and errors."""
    direct, tapped, _ = found
    assert tapped == direct
    assert list(tapped) == list(CALLS)


def test_every_call_is_stored(found: Any) -> None:
    """With its operation, model, status, tokens and cost, and the client by its name."""
    *answered, refused = found[2]
    assert [stored(each) for each in found[2]] == [call for calls in CALLS.values() for call in calls]
    assert {each["provider"] for each in found[2]} == {"mistral"}
    named = ("mistral-client-python", pinned("mistralai", "mistralai"))
    assert {(each["client"]["name"], each["client"]["version"]) for each in found[2]} == {named}
    assert all(each["tokens"]["total"] > 0 and each["cost"]["usd"] > 0 for each in answered)
    assert refused["error"]["message"] == found[1]["an_error"][1]["message"]
    assert "mistral-canary" not in json.dumps(found[2])


def test_a_stream_and_turns_are_what_the_sdk_saw(found: Any) -> None:
    """The chunks add up; a call and its result are one thread, and so are the turns of a conversation."""
    _, streamed, first, second, *turns = found[2][:7]
    chunks = found[1]["stream"]
    said = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert streamed["response"]["body"]["choices"][0]["message"]["content"] == said
    assert second["thread"]["parent"] == first["id"]
    assert [each["thread"]["turn"] for each in turns] == [1, 2, 3]
    assert len({each["thread"]["id"] for each in turns}) == 1
