"""Simulated APIs on a real socket, in this process or in a process of its own.

```
async with SimulatedUpstream(pace=0.05) as upstream:
    client = genai.Client(api_key="any", http_options={"base_url": upstream.origin})
```

`python -m gemtap.demo.upstream --port 4370` serves until SIGTERM. The demo faces of the providers say which paths there
are and what answers there, such as `gemtap.providers.gemini.demo`. The name of a model of Google's selects deliberate
faults, see `gemtap.providers.google.simulated.faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
import zlib
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from gemtap.providers.provider import Provider
from gemtap.providers.registry import PROVIDERS, demo_of
from gemtap.simulation.base import Session, Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Begin, Close, Disconnect, Pause, Script, Send, Stall

_LARGEST_MESSAGE: Final = 64 * 1024 * 1024

_SHUTDOWN_S: Final = 0.1
"""Seconds that open streams have to end by themselves."""


class SimulatedUpstream:
    """The server of several simulations: a request goes to the first that knows its path, else to the first of all.

    `pace` is the time between the chunks of a stream, in seconds. `compress` applies gzip if the client accepts it, and
    flushes each chunk. `remember` is the number of most recent requests to keep in `requests`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        pace: float = 0.0,
        compress: bool = False,
        remember: int = 1_000,
        providers: Iterable[Provider] = PROVIDERS.values(),
    ) -> None:
        self.requests: deque[ReceivedRequest] = deque(maxlen=remember)
        self._host = host
        self._port = port
        self._compress = compress
        self._simulations = [demo.simulation(pace) for each in providers if (demo := demo_of(each)) is not None]
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)

    @property
    def origin(self) -> str:
        """`http://HOST:PORT`. Available once the server listens."""
        return f"http://{self._host}:{self._runner.addresses[0][1]}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        received = ReceivedRequest(request.method, request.raw_path, list(request.raw_headers))
        self.requests.append(received)
        api = next((each for each in self._simulations if each.knows(received)), self._simulations[0])
        exchange = _Exchange(api, request, started, gzip=self._compress and _accepts_gzip(received))
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                session = api.open_session(received)
                if session is not None:
                    return await exchange.converse(session)
            await received.take_body(request.content.iter_any(), api.sink(received))
            return await exchange.perform(api.respond(received))
        except asyncio.CancelledError:
            # Either the client has disconnected, which removes the transport, or this server stops.
            received.aborted = request.transport is None
            raise
        except ConnectionError:
            received.aborted = True
            return web.Response()  # reaches nobody; an exception would be logged as an error of this server
        finally:
            received.ended.set()


class _Exchange:
    """Performs the scripts of one request."""

    def __init__(self, api: Simulation, request: web.Request, started: float, *, gzip: bool) -> None:
        self._api = api
        self._request = request
        self._started = started
        self._compressor = zlib.compressobj(wbits=31) if gzip else None

    async def converse(self, session: Session | Script) -> web.StreamResponse:
        """Run a WebSocket session, or refuse it with a response."""
        if isinstance(session, list):
            self._compressor = None
            return await self.perform(session)
        socket = web.WebSocketResponse(max_msg_size=_LARGEST_MESSAGE)
        await socket.prepare(self._request)
        await self._send(session.begin(), socket)
        async for message in socket:
            # Like Google, accept binary and text messages.
            content = message.data if isinstance(message.data, bytes) else str(message.data).encode()
            await self._send(session.receive(content), socket)
        return socket

    async def _send(self, script: Script, socket: web.WebSocketResponse) -> None:
        for step in script:
            match step:
                case Send(piece, is_text=True):
                    await socket.send_str(piece.decode())
                case Send(piece):
                    await socket.send_bytes(piece)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Close(code, reason):
                    await socket.close(code=code, message=reason.encode())
                case Stall():
                    await asyncio.Event().wait()
                case Disconnect():
                    self._disconnect()

    async def perform(self, script: Script) -> web.StreamResponse:
        """Send a response."""
        response, compressor = web.StreamResponse(), self._compressor
        last = b""
        match script:
            case [*steps, Send(piece)]:
                # In one write with the end of the response: some clients hang up after the last event.
                script, last = steps, piece
        for step in script:
            match step:
                case Begin():
                    response = self._head(step)
                    await response.prepare(self._request)
                case Send(piece) if compressor is not None:
                    await response.write(compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH))
                case Send(piece):
                    await response.write(piece)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Stall():
                    # The handler is cancelled when the client disconnects.
                    await asyncio.Event().wait()
                case Disconnect():
                    self._disconnect()
                    return response
        await response.write_eof(last if compressor is None else compressor.compress(last) + compressor.flush())
        return response

    def _head(self, begin: Begin) -> web.StreamResponse:
        added = self._api.headers(time.monotonic() - self._started)
        headers = [("Content-Type", begin.content_type), *begin.headers, *added]
        response = web.StreamResponse(status=begin.status, headers=headers)
        if self._compressor is not None:
            response.headers["Content-Encoding"] = "gzip"
        else:
            response.content_length = begin.length
        return response

    def _disconnect(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


def _accepts_gzip(request: ReceivedRequest) -> bool:
    codings = ",".join(request.header_values("accept-encoding")).replace(" ", "").lower().split(",")
    return any(coding == "gzip" or (coding.startswith("gzip;") and coding != "gzip;q=0") for coding in codings)


async def _serve(host: str, port: int, pace: float, names: list[str], *, compress: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Nobody can read the requests of a separate process, so it keeps none.
    providers = [PROVIDERS[name] for name in names] if names else PROVIDERS.values()
    async with SimulatedUpstream(
        host=host, port=port, pace=pace, compress=compress, remember=0, providers=providers
    ) as upstream:
        print(f"listening on {upstream.origin}", flush=True)
        await stop.wait()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m gemtap.demo.upstream", description="Simulated APIs.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--pace", type=float, default=0.05, metavar="SECONDS", help="between the chunks of a stream")
    parser.add_argument("--compress", action="store_true", help="gzip answers for clients that accept it")
    parser.add_argument(
        "--provider", action="append", default=[], choices=[*PROVIDERS], help="an API; without any, all of them"
    )
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.host, arguments.port, arguments.pace, arguments.provider, compress=arguments.compress))


if __name__ == "__main__":
    main()
