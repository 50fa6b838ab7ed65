"""Traffic like that of a coding agent, sent with the google-genai SDK.

An agent declares tools, sends its whole conversation with every turn, streams the responses, executes the model's calls
and sends their results. Some requests fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

import aiohttp
from google import genai
from google.genai import errors, types

from gemtap.simulation.agents import DemoAgents

_SYSTEM: Final = (
    "You are a careful coding agent. You work in a repository of about two hundred Python files. Read before you "
    "write, keep changes small, run the tests after each change, and say plainly what you could not do."
)

_TASKS: Final = (
    "Find out why the import of large CSV files is slow, and make it fast.",
    "The date picker shows yesterday for users west of Greenwich. Fix it.",
    "Add a --json flag to the list command.",
    "Write tests for the retry logic in client.py.",
    "Explain how a request gets from the router to the database.",
    "Rename Customer to Account everywhere but in the API.",
)

_FOLLOW_UPS: Final = (
    "Good. Now run the tests.",
    "Please keep the old behaviour behind a setting.",
    "Why did you choose this and not the other way?",
    "Write that up for the changelog.",
)

_MODELS: Final = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash", "gemini-3-pro-preview")

_FAILURES: Final = ("error-429", "error-503", "error-400", "fault-midstream-error", "fault-disconnect")
"""Failing models of the simulated API, see `gemtap.providers.google.simulated.faults`."""


def _tool(name: str, description: str, **parameters: str) -> types.FunctionDeclaration:
    properties = {key: types.Schema(type=types.Type.STRING, description=text) for key, text in parameters.items()}
    schema = types.Schema(type=types.Type.OBJECT, properties=properties, required=list(parameters))
    return types.FunctionDeclaration(name=name, description=description, parameters=schema)


_TOOLS: Final = [
    _tool("read_file", "Read a file of the repository.", path="Path from the repository's root."),
    _tool("search", "Search the repository with a regular expression.", pattern="The pattern.", folder="Where."),
    _tool("write_file", "Replace a file of the repository.", path="Path.", content="The file's new content."),
    _tool("run_tests", "Run the test suite, or a part of it.", selection="What pytest's -k takes."),
]

_FILE: Final = "\n".join(
    f"def step_{n}(rows: list[Row]) -> list[Row]:\n    return sorted(rows, key=Row.at)\n" for n in range(40)
)


class GeminiAgents(DemoAgents):
    """Runs several agents concurrently, until cancelled or done."""

    def __init__(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> None:
        """See `DemoAgents`."""
        super().__init__(origin, seed=seed, pause=pause, on_turn=on_turn)
        self._client = genai.Client(
            api_key="demo",
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=origin, headers={"x-title": "Gemtap demo"}, retry_options=types.HttpRetryOptions(attempts=1)
            ),
        )

    async def work(self, sessions: int, at_once: int = 3) -> None:
        """Run this number of sessions, `at_once` at a time."""
        waiting = [Random(self._rng.random()) for _ in range(sessions)]  # noqa: S311
        async with self._client.aio, asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(self._one_after_another(waiting))

    async def _one_after_another(self, waiting: list[Random]) -> None:
        while waiting:
            try:
                await self._session(waiting.pop())
            except (errors.APIError, aiohttp.ClientError) as exc:
                self._on_turn(f"the session ends: {type(exc).__name__}")

    async def _session(self, rng: Random) -> None:
        """Run one conversation: a task and follow-ups of the user."""
        model = rng.choice(_MODELS)
        history: list[types.Content] = []
        for said in (rng.choice(_TASKS), *rng.sample(_FOLLOW_UPS, rng.randint(1, 3))):
            history.append(types.UserContent(said))
            if rng.random() < 0.15:
                await self._fail(rng, history)
            if rng.random() < 0.3:
                await self._client.aio.models.count_tokens(model=model, contents=[*history])
            goes_on = True
            while goes_on:
                goes_on = await self._turn(model, history, rng)
                await self._rest(rng)

    async def _turn(self, model: str, history: list[types.Content], rng: Random) -> bool:
        """Send the conversation and append the response. Returns whether there are function results to send."""
        config = types.GenerateContentConfig(
            system_instruction=_SYSTEM,
            tools=[types.Tool(function_declarations=_TOOLS)] if rng.random() < 0.6 else None,
            temperature=0.2,
            thinking_config=types.ThinkingConfig(include_thoughts=True),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        parts: list[types.Part] = []
        stream = await self._client.aio.models.generate_content_stream(model=model, contents=[*history], config=config)
        async for chunk in stream:
            parts += [part for content in _contents(chunk) for part in content.parts or []]
        history.append(types.ModelContent(parts))
        calls = [part.function_call for part in parts if part.function_call is not None]
        self._on_turn(f"{model}: {', '.join(call.name or '' for call in calls) or 'an answer'}")
        if calls:
            history.append(types.UserContent([self._result(call, rng) for call in calls]))
        return bool(calls)

    def _result(self, call: types.FunctionCall, rng: Random) -> types.Part:
        found = {"output": _FILE if call.name == "read_file" else f"{rng.randint(1, 40)} passed in 1.2s"}
        response = types.FunctionResponse(id=call.id, name=call.name, response=found)
        return types.Part(function_response=response)

    async def _fail(self, rng: Random, history: list[types.Content]) -> None:
        model = rng.choice(_FAILURES)
        try:
            stream = await self._client.aio.models.generate_content_stream(model=model, contents=[*history])
            async for _ in stream:
                pass
        except (errors.APIError, aiohttp.ClientError) as exc:
            self._on_turn(f"{model}: {type(exc).__name__}")


def _contents(chunk: types.GenerateContentResponse) -> list[types.Content]:
    return [candidate.content for candidate in chunk.candidates or [] if candidate.content is not None]
