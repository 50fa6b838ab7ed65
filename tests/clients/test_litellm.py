"""LiteLLM's SDK sees the same through Gemtap as without it, and what it did is stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.recorded import Stored, documents, stored
from tests.clients.running_client import python_client, run
from tests.clients.sdks import pinned
from tests.clients.setup_lines import exported
from tests.clients.two_apis import KEYS, two_ways

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

TASKS = ("generate", "stream", "chat_with_a_call", "an_error", "a_cancelled_stream")
CALLERS = {
    "openai": ("openai-python", pinned("litellm", "openai")),
    "anthropic": ("LiteLLM", pinned("litellm", "litellm")),
}
"""For OpenAI it uses OpenAI's SDK, which says its own name."""


@pytest.mark.parametrize(
    ("provider", "operation", "model"),
    [("openai", "openai.chat.completions", "gpt-5"), ("anthropic", "messages.create", "claude-sonnet-4-6")],
    ids=["openai", "anthropic"],
)
def test_litellm_sees_the_same_and_is_stored(provider: str, operation: str, model: str, tmp_path: Path) -> None:
    """With the variable that `gemtap setup` shows: a completion, a stream, a call, an error, a cancelled stream."""
    command = [*python_client("litellm", "use_litellm.py"), f"{provider}/{model}", *TASKS]
    # Without this it looks for newer prices on the internet.
    environment = {**KEYS, "HOME": str(tmp_path), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with two_ways(provider, tmp_path) as ways:
        direct, tapped = (
            json.loads(
                run(command, environment | exported(ways.lines(f"{provider}-litellm", direct=is_direct))).splitlines()[
                    -1
                ]
            )
            for is_direct in (True, False)
        )
        found = documents(ways.gemtap, 6)
    assert tapped == direct
    call = Stored(operation, model)
    assert [stored(each) for each in found] == [
        *[call] * 4,
        Stored(operation, "error-400", 400),
        Stored(operation, "fault-stall", 200, "client_disconnected"),
    ]
    assert {(each["client"]["name"], each["client"]["version"]) for each in found} == {CALLERS[provider]}
    plain, streamed, first, second, refused, _ = found
    assert plain["tokens"]["total"] == direct["generate"][1]
    assert streamed["streaming"] is True
    assert streamed["preview"]["answer"] == "".join(text for text, _ in direct["stream"]).partition("\n")[0]
    assert [streamed["tokens"]["total"]] == [total for _, total in direct["stream"] if total]
    assert second["thread"] == {**second["thread"], "id": first["thread"]["id"], "turn": 2, "new_messages": 1}
    assert refused["error"]["message"]
    assert not any(key in json.dumps(found) for key in KEYS.values())
