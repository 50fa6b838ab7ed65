"""Traffic like that of a coding agent, in the shapes of Anthropic's API.

An agent sends its whole conversation with every turn, moves the mark of the prompt cache to its newest message, streams
the responses, executes the model's calls and sends their results. Some requests fail.
"""

from __future__ import annotations

import json
from typing import Any, Final

import aiohttp

from gemtap.dialects.anthropic_messages.accumulate import accumulate
from gemtap.dialects.stream_chunks import read_chunks
from gemtap.simulation.agents import DemoAgents

_SYSTEM: Final = "You are a careful coding agent. Read before you write, keep changes small, run the tests. " * 20
_TASKS: Final = (
    "Find out why the nightly export takes an hour.",
    "The settings page forgets the language. Fix it.",
    "Explain how a request gets from the router to the database.",
)
_FOLLOW_UPS: Final = (
    "Call the read_file tool for the module that does it.",
    "Now call the run_tests tool.",
    "Write that up for the changelog.",
)
_MODELS: Final = ("claude-sonnet-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-haiku-4-5")
_FAILURES: Final = ("error-529", "error-429", "fault-midstream-error")
_MARK: Final = {"cache_control": {"type": "ephemeral"}}


def _tool(name: str, description: str, argument: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"name": name, "description": description, "input_schema": schema}


_TOOLS: Final = [
    _tool("read_file", "Read a file of the repository.", "path"),
    {**_tool("run_tests", "Run the test suite, or a part of it.", "selection"), **_MARK},
]
_FILE: Final = "\n".join(f"def step_{n}(rows):\n    return sorted(rows, key=at)\n" for n in range(40))


class AnthropicAgents(DemoAgents):
    """One session after another."""

    async def work(self, sessions: int) -> None:
        """Run this number of sessions."""
        headers = {"x-api-key": "demo", "anthropic-version": "2023-06-01", "x-title": "Gemtap demo"}
        async with aiohttp.ClientSession(headers=headers) as client:
            for _ in range(sessions):
                try:
                    await self._session(client)
                except aiohttp.ClientError as exc:
                    self._on_turn(f"the session ends: {type(exc).__name__}")

    async def _session(self, client: aiohttp.ClientSession) -> None:
        """Run one conversation: a task and follow-ups of the user."""
        model = self._rng.choice(_MODELS)
        history: list[dict[str, Any]] = []
        for said in (self._rng.choice(_TASKS), *self._rng.sample(_FOLLOW_UPS, self._rng.randint(1, 3))):
            history.append({"role": "user", "content": [{"type": "text", "text": said}]})
            if self._rng.random() < 0.2:
                await self._turn(client, self._rng.choice(_FAILURES), history)
            results = await self._turn(client, model, history, keep=True)
            while results:
                history.append({"role": "user", "content": results})
                results = await self._turn(client, model, history, keep=True)

    async def _turn(
        self, client: aiohttp.ClientSession, model: str, history: list[dict[str, Any]], *, keep: bool = False
    ) -> list[dict[str, Any]]:
        """Send the conversation, append the response if it is to be kept, and return results of its calls."""
        last = history[-1]
        marked = {**last, "content": [*last["content"][:-1], {**last["content"][-1], **_MARK}]}
        body = {
            "model": model,
            "max_tokens": 4096,
            "stream": True,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "system": [{"type": "text", "text": _SYSTEM, **_MARK}],
            "tools": _TOOLS,
            "messages": [*history[:-1], marked],
        }
        async with client.post(f"{self._origin}/v1/messages", json=body) as response:
            raw = await response.read()
        message = accumulate([chunk.value for chunk in read_chunks(raw)]) if response.status == 200 else {}
        content = message.get("content") or []
        calls = [block for block in content if block.get("type") == "tool_use"]
        said = ", ".join(call["name"] for call in calls) or ("an answer" if content else f"status {response.status}")
        self._on_turn(f"{model}: {said}")
        if keep:
            history.append({"role": "assistant", "content": content})
        await self._rest()
        return [{"type": "tool_result", "tool_use_id": call["id"], "content": _result(call["name"])} for call in calls]


def _result(name: str) -> str:
    return _FILE if name == "read_file" else json.dumps({"passed": 31, "seconds": 1.2})
