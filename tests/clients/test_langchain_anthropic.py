"""LangChain with Anthropic sees the same through Gemtap as without it, and what it did is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.recorded import documents, stored
from tests.clients.running_client import python_client, see
from tests.clients.test_anthropic import CALLS
from tests.clients.two_apis import two_ways

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

TASKS = ("generate", "stream", "think", "chat_with_a_call", "an_error", "a_cancelled_stream")


def test_langchain_sees_the_same_and_is_stored(tmp_path: Path) -> None:
    """Messages, a stream, thinking, a call with its result in one thread, an error and a cancelled stream."""
    command = python_client("langchain-anthropic", "use_langchain_anthropic.py")
    with two_ways("anthropic", tmp_path) as ways:
        direct = see(command, ways.direct_origin, *TASKS)
        tapped = see(command, f"{ways.gemtap.origin}/anthropic", *TASKS)
        found = documents(ways.gemtap, sum(len(CALLS[task]) for task in TASKS))
    assert tapped == direct
    assert [stored(each) for each in found] == [call for task in TASKS for call in CALLS[task]]
    assert {each["client"]["name"] for each in found} == {"LangChain"}
    _, streamed, thought, first, second, refused, cancelled = found
    assert streamed["response"]["body"]["content"][0]["text"] == "".join(text for text, *_ in direct["stream"])
    usage = [usage for *_, usage in direct["stream"] if usage]
    assert streamed["tokens"]["output"] == sum(each["output_tokens"] for each in usage)
    assert thought["response"]["body"]["content"][0]["signature"] == direct["think"][0]["signature"]
    assert second["thread"] == {**second["thread"], "id": first["thread"]["id"], "turn": 2}
    assert refused["error"]["message"] == "Overloaded"
    assert cancelled["streaming"]
