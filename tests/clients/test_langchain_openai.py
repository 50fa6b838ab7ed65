"""LangChain with OpenAI sees the same through Gemtap as without it, and what it did is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.recorded import documents, stored
from tests.clients.running_client import python_client, see
from tests.clients.test_openai import CHAT, RESPONSE
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

CALLS = {"chat": 1, "chat_stream": 1, "chat_with_a_call": 2, "respond": 1}
"""How many requests each task sends."""


def test_langchain_sees_the_same_and_is_stored(tmp_path: Path) -> None:
    """Chats, a stream, a call with its result in one thread, and a response."""
    command = python_client("langchain-openai", "use_langchain_openai.py")
    api = SimulatedApi("--pace", "0.01", "--provider", "openai")
    gemtap = RunningGemtap(tmp_path, api.origin, f"--upstream=openai={api.origin}")
    try:
        direct = see(command, f"{api.origin}/v1", *CALLS)
        assert see(command, f"{gemtap.origin}/openai/v1", *CALLS) == direct
        found = documents(gemtap, sum(CALLS.values()))
    finally:
        gemtap.close()
        api.stop()
    assert [stored(each) for each in found] == [CHAT] * 4 + [RESPONSE]
    assert found[2]["thread"]["id"] == found[3]["thread"]["id"]
    assert found[1]["streaming"] is True
    assert [found[1]["tokens"]["total"]] == [usage["total_tokens"] for *_, usage in direct["chat_stream"] if usage]
    assert {each["client"]["name"] for each in found} <= {"LangChain", "openai-python"}
