"""The toy API in the demo: a simulated upstream that echoes, and agents that ask it questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

import aiohttp

from gemtap.providers.demo import Agents, Demo
from gemtap.simulation.base import Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Pause, Script, Send

_PATH: Final = "/v1/chat/completions"
_MODEL: Final = "gpt-4o"


class ToySimulation(Simulation):
    """Chat completions that repeat the last message, streamed or not."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    def knows(self, request: ReceivedRequest) -> bool:
        """One path."""
        return request.target.partition("?")[0] == _PATH

    def respond(self, request: ReceivedRequest) -> Script:
        """An echo; an error for a body without messages."""
        try:
            body = json.loads(request.body)
            said = str(body["messages"][-1]["content"])
        except (ValueError, LookupError, TypeError):
            return _document(400, {"error": {"message": "There are no messages.", "type": "invalid_request_error"}})
        answer = f"You said: {said}"
        usage = {"prompt_tokens": len(request.body), "completion_tokens": len(answer)}
        usage["total_tokens"] = sum(usage.values())
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
            return _document(200, {"object": "chat.completion", "model": _MODEL, "choices": [choice], "usage": usage})
        return [Begin(200, "text/event-stream"), *self._stream(answer, usage)]

    def _stream(self, answer: str, usage: dict[str, int]) -> Script:
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}]}
            for word in answer.split()
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
        steps: Script = []
        for chunk in chunks:
            event = {"object": "chat.completion.chunk", "model": _MODEL, **chunk}
            steps += [Pause(self._pace), Send(b"data: " + json.dumps(event).encode() + b"\n\n")]
        return [*steps, Send(b"data: [DONE]\n\n")]


def _document(status: int, value: Any) -> Script:
    body = json.dumps(value).encode()
    return [Begin(status, "application/json", len(body)), Send(body)]


class ToyAgents:
    """Each session is a conversation of three questions."""

    def __init__(self, origin: str, seed: int, pause: float, on_turn: Callable[[str], None]) -> None:
        self._origin = origin
        self._rng = Random(seed)  # noqa: S311 - pauses, not secrets
        self._pause = pause
        self._on_turn = on_turn

    async def work(self, sessions: int) -> None:
        """One session after another."""
        headers = {"authorization": "Bearer demo", "x-title": "Toy demo"}
        async with aiohttp.ClientSession(headers=headers) as client:
            for session in range(sessions):
                try:
                    await self._session(client, session + 1)
                except aiohttp.ClientError as exc:  # `gemtap demo` was stopped meanwhile
                    self._on_turn(f"the session ends: {type(exc).__name__}")

    async def _session(self, client: aiohttp.ClientSession, number: int) -> None:
        messages: list[dict[str, str]] = []
        for turn in range(3):
            messages.append({"role": "user", "content": f"Question {turn + 1} of session {number}."})
            body = {"model": _MODEL, "messages": messages}
            async with client.post(f"{self._origin}{_PATH}", json=body) as response:
                answer = (await response.json())["choices"][0]["message"]
            messages.append(answer)
            self._on_turn(answer["content"])
            await asyncio.sleep(self._rng.expovariate(1 / self._pause))


class ToyDemo(Demo):
    """The toy API without an account."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """An echo."""
        return ToySimulation(pace)

    def agents(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> Agents:
        """Agents that ask questions."""
        return ToyAgents(origin, seed, pause, on_turn)


DEMO: Final = ToyDemo()
