"""Traffic like that of coding agents: chat completions in one session, responses in the next.

An agent declares tools, streams the answers, runs the model's calls and sends their results. Some requests fail.
"""

from __future__ import annotations

import json
from typing import Any, Final

import aiohttp

from gemtap.dialects.openai_chat.accumulate import accumulate as chat_of
from gemtap.dialects.openai_responses.accumulate import accumulate as response_of
from gemtap.dialects.stream_chunks import read_chunks
from gemtap.simulation.agents import DemoAgents

_SYSTEM: Final = "You are a careful coding agent. Read before you write, and run the tests after each change."
_TASKS: Final = (
    "Find out why the nightly import fails on Mondays.",
    "Fix the rounding of prices in the basket.",
    "Explain how a session is kept alive.",
    "Write tests for the parser of dates.",
    "Add a --quiet flag to the export command.",
)
_FOLLOW_UPS: Final = ("Good. Now run the tests.", "Why this way?", "Write that up for the changelog.")
_MODELS: Final = ("gpt-5", "gpt-5-mini", "gpt-4.1")
_FAILURES: Final = ("error-429", "error-503", "fault-midstream-error", "fault-disconnect")


def _parameters(**described: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in described.items()}
    return {"type": "object", "properties": properties, "required": [*described], "additionalProperties": False}


_FUNCTIONS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "read_file", "description": "Read a file.", "parameters": _parameters(path="Path from the root.")},
    {"name": "run_tests", "description": "Run the tests.", "parameters": _parameters(selection="What -k takes.")},
)


class OpenAIAgents(DemoAgents):
    """Runs sessions one after another, until cancelled or done."""

    async def work(self, sessions: int) -> None:
        """Run this number of sessions."""
        headers = {"authorization": "Bearer sk-demo", "x-title": "Gemtap demo"}
        async with aiohttp.ClientSession(headers=headers) as client:
            for number in range(sessions):
                model = self._rng.choice(_MODELS)
                try:
                    await (self._chat if number % 2 else self._respond)(client, model)
                    if self._rng.random() < 0.3:
                        await self._chat(client, self._rng.choice(_FAILURES))
                except aiohttp.ClientError as exc:
                    self._on_turn(f"the session ends: {type(exc).__name__}")

    async def _chat(self, client: aiohttp.ClientSession, model: str) -> None:
        """A conversation that is sent whole with each turn."""
        messages: list[Any] = [{"role": "system", "content": _SYSTEM}]
        tools = [{"type": "function", "function": function} for function in _FUNCTIONS]
        for said in self._said():
            messages.append({"role": "user", "content": said})
            calls: list[Any] = [None]
            while calls:
                body = {"model": model, "messages": messages, "tools": tools, "reasoning_effort": "low"}
                options = {"stream": True, "stream_options": {"include_usage": True}}
                answer = chat_of(await self._stream(client, "chat/completions", {**body, **options}))
                choices = answer.get("choices") or [{}]
                messages.append(choices[0].get("message", {}))
                calls = messages[-1].get("tool_calls") or []
                messages += [{"role": "tool", "tool_call_id": call["id"], "content": self._result()} for call in calls]
                await self._turn(model, [call["function"]["name"] for call in calls])

    async def _respond(self, client: aiohttp.ClientSession, model: str) -> None:
        """A conversation that the API keeps: each turn names the one before."""
        previous: str | None = None
        tools = [{"type": "function", **function} for function in _FUNCTIONS]
        for said in self._said():
            new: list[Any] = [{"role": "user", "content": said}]
            while new:
                body = {"model": model, "instructions": _SYSTEM, "input": new, "tools": tools, "stream": True}
                body |= {"reasoning": {"effort": "low", "summary": "auto"}, "previous_response_id": previous}
                response = response_of(await self._stream(client, "responses", body))
                previous = response.get("id")
                calls = [item for item in response.get("output", []) if item.get("type") == "function_call"]
                new = [
                    {"type": "function_call_output", "call_id": call["call_id"], "output": self._result()}
                    for call in calls
                ]
                await self._turn(model, [call["name"] for call in calls])

    async def _stream(self, client: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> list[Any]:
        """The values of a streamed answer."""
        async with client.post(f"{self._origin}/v1/{path}", json=body) as response:
            if response.status >= 400:
                self._on_turn(f"{body['model']}: {response.status}")
                return []
            return [chunk.value for chunk in read_chunks(await response.read())]

    def _said(self) -> list[str]:
        return [self._rng.choice(_TASKS), *self._rng.sample(_FOLLOW_UPS, self._rng.randint(1, 2))]

    def _result(self) -> str:
        return json.dumps({"output": f"{self._rng.randint(1, 40)} passed in 1.2s"})

    async def _turn(self, model: str, calls: list[str]) -> None:
        self._on_turn(f"{model}: {', '.join(calls) or 'an answer'}")
        await self._rest()
