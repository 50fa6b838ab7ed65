"""Both ends of the traffic: clients that do not take no for an answer, and an upstream that counts what it serves."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

import aiohttp
from aiohttp import web

PATH: Final = "/v1beta/models/gemini-2.5-flash:generateContent"
USER: Final = "x-runaway-user"
NUMBER: Final = "x-runaway-number"

_ASKED: Final = 400
"""The most tokens of output that a request asks for."""

_OUTPUT: Final = 600
"""The most that the upstream takes: not every API counts thinking."""

_PATIENCE: Final = 60.0


@dataclass(slots=True)
class Served:
    """A request that has reached the upstream: it is spent, whatever becomes of its answer."""

    number: str
    """Of the request and the attempt."""
    user: str
    at: float
    """Unix time."""
    input: int
    output: int

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.output


@dataclass
class Upstream:
    """Answers with the tokens that it has made up, and remembers them. Answers take up to a second."""

    seed: int
    served: list[Served] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its origin, while it serves."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        number = request.headers[NUMBER]
        random = Random(f"{self.seed} {number}")
        # The estimate is 500 tokens of input and 400 of output: what is used may be more, and is mostly less.
        served = Served(
            number, request.headers[USER], time.time(), random.randint(300, 900), random.randint(20, _OUTPUT)
        )
        self.served.append(served)
        await request.read()
        await asyncio.sleep(random.uniform(0.05, 1.0))
        return web.json_response(
            {
                "candidates": [{"content": {"parts": [{"text": "So."}], "role": "model"}, "finishReason": "STOP"}],
                "modelVersion": "gemini-2.5-flash",
                "usageMetadata": {
                    "promptTokenCount": served.input,
                    "candidatesTokenCount": served.output,
                    "totalTokenCount": served.tokens,
                },
            }
        )


class Clients:
    """A thousand requests at once."""

    def __init__(self, origin: str, keys: Mapping[str, str], requests: int, attempts: int, seed: int) -> None:
        """`keys`: the users and their access keys. `attempts`: how often each tries, whatever it is told."""
        self._url = origin + PATH
        self._keys = keys
        self._requests = requests
        self._attempts = attempts
        self._random = Random(seed)
        self.answers: Counter[int | str] = Counter()
        """How often each status was seen, or `broken` for a connection that broke."""

    async def run(self) -> None:
        """Until each request was answered, or tried often enough."""
        users = list(self._keys)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(self._requests):
                group.create_task(self._insist(session, users[number % len(users)], number))

    async def _insist(self, session: aiohttp.ClientSession, user: str, number: int) -> None:
        prompt = "x" * 1_900
        config = {"maxOutputTokens": _ASKED}
        body = json.dumps({"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": config})
        for attempt in range(self._attempts):
            headers = {
                "content-type": "application/json",
                "x-goog-api-key": "any",
                "x-gemtap-key": self._keys[user],
                USER: user,
                NUMBER: f"{number}-{attempt}",
            }
            try:
                async with session.post(self._url, data=body, headers=headers) as answer:
                    await answer.read()
                    self.answers[answer.status] += 1
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, OSError, TimeoutError):
                self.answers["broken"] += 1
            await asyncio.sleep(self._random.uniform(0.3, 2.0))
