"""Both ends of the traffic: an upstream that notes what reaches it, and clients that note what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import aiohttp
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.crash.storm.ledger import HEADER, Exchange, Ledger

CLIENT_PATIENCE: Final = 60.0
"""Seconds after which a client gives up. Far more than any process is away."""

_MODEL: Final = "/v1beta/models/gemini-2.5-flash"
_LIVE: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_PARTS: Final = 12
"""Chunks of a stream, messages of a session."""
_PAUSE: Final = 0.03
"""Seconds between them."""

_MIX: Final = {"small": 8, "large": 2, "upload": 2, "stream": 6, "session": 2}
"""How often each kind of exchange comes."""


def part(number: int, n: int) -> dict[str, object]:
    """One piece of an answer, in which the exchange can be recognised."""
    return {"candidates": [{"content": {"parts": [{"text": f"{number}-{n} "}], "role": "model"}}]}


class Upstream:
    """Answers by the exchange's kind, and notes in the ledger what has reached it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its origin, while it serves."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        exchange = self._ledger.exchanges[int(request.headers[HEADER])]
        exchange.reached_upstream = True
        try:
            if exchange.kind == "session":
                return await self._converse(request, exchange)
            exchange.upstream_took = 0
            async for piece in request.content.iter_any():
                exchange.upstream_took += len(piece)
            if exchange.kind == "stream":
                return await self._stream(request, exchange)
            size = 200_000 if exchange.kind == "large" else 100
            return web.json_response(part(exchange.number, 0) | {"filler": "x" * size})
        except ConnectionError:
            return web.Response()  # goes nowhere: the tap is dead

    async def _stream(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for n in range(_PARTS):
            await response.write(b"data: " + json.dumps(part(exchange.number, n)).encode() + b"\r\n\r\n")
            await asyncio.sleep(_PAUSE)
        await response.write_eof()
        return response

    async def _converse(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        session = web.WebSocketResponse()
        await session.prepare(request)
        async for message in session:
            if message.type is aiohttp.WSMsgType.TEXT:
                await session.send_str(json.dumps({"serverContent": {"modelTurn": message.data}}))
        return session


class Clients:
    """So many exchanges a second, each begun at its time however slow the ones before are."""

    def __init__(self, ledger: Ledger, origin: str, seed: int) -> None:
        self._ledger = ledger
        self._origin = origin
        self._random = Random(seed)

    async def run(self, rate: float, until: asyncio.Event) -> None:
        """Begin exchanges until the event, then let those under way end."""
        timeout = aiohttp.ClientTimeout(total=CLIENT_PATIENCE)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as group:
            loop = asyncio.get_running_loop()
            due = loop.time()
            while not until.is_set():
                (kind,) = self._random.choices(list(_MIX), list(_MIX.values()))
                group.create_task(self._exchange(session, self._ledger.begin(kind)))
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - loop.time()))

    async def _exchange(self, session: aiohttp.ClientSession, exchange: Exchange) -> None:
        try:
            if exchange.kind == "session":
                await self._converse(exchange)
            else:
                await self._ask(session, exchange)
        except (aiohttp.ClientError, WebSocketException, OSError, TimeoutError):
            pass  # it was under way in what was killed; the ledger has what came of it

    async def _ask(self, session: aiohttp.ClientSession, exchange: Exchange) -> None:
        text = f"{exchange.number} " * (40_000 if exchange.kind == "upload" else 20)
        exchange.sent = json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()
        verb = ":streamGenerateContent?alt=sse" if exchange.kind == "stream" else ":generateContent"
        headers = {HEADER: str(exchange.number), "content-type": "application/json", "x-goog-api-key": "any"}
        async with session.post(self._origin + _MODEL + verb, data=exchange.sent, headers=headers) as answer:
            exchange.id = answer.headers.get("x-gemtap-id")
            async for piece in answer.content.iter_any():
                exchange.receive(piece)
        exchange.whole = answer.status == 200

    async def _converse(self, exchange: Exchange) -> None:
        # Not by aiohttp, which sends a handshake a second time where the first one's connection broke.
        headers = {HEADER: str(exchange.number), "x-goog-api-key": "any"}
        origin = self._origin.replace("http", "ws", 1)
        async with connect(origin + _LIVE, additional_headers=headers, proxy=None) as session:
            assert session.response is not None
            exchange.id = session.response.headers.get("x-gemtap-id")
            for n in range(_PARTS):
                await session.send(f"{exchange.number}-{n}")
                exchange.receive(str(await session.recv()).encode() + b"\n")
                await asyncio.sleep(_PAUSE)
        exchange.whole = True
