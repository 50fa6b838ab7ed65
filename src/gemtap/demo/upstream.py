"""A simulated Gemini API on a real socket, in this process or in a process of its own.

```
async with SimulatedGemini(pace=0.05) as upstream:
    client = genai.Client(api_key="any", http_options={"base_url": upstream.origin})
```

`python -m gemtap.demo.upstream --port 4370` serves until SIGTERM. `gemtap.demo.api` lists the paths; the Live API is
served too. The name of the model selects deliberate faults, see `gemtap.demo.faults`. Every API key except `invalid`
is accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import time
import zlib
from collections import deque
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from gemtap.demo.api import respond
from gemtap.demo.call import Call
from gemtap.demo.errors import ApiError
from gemtap.demo.live import LiveSession
from gemtap.demo.received import ReceivedRequest
from gemtap.demo.script import Begin, Close, Disconnect, Pause, Script, Send, Stall
from gemtap.demo.surfaces import uploads
from gemtap.demo.wire import Form, error_script
from gemtap.demo.world import World

_GOOGLE_HEADERS: Final = (
    ("Vary", "Origin"),
    ("Vary", "X-Origin"),
    ("Vary", "Referer"),
    ("Server", "scaffolding on HTTPServer2"),
    ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
)

_LIVE: Final = re.compile(
    r"/+ws/google\.ai\.generativelanguage\.(?P<version>\w+)\.GenerativeService\.BidiGenerateContent(?:Constrained)?"
)

_LARGEST_MESSAGE: Final = 64 * 1024 * 1024

_SHUTDOWN_S: Final = 0.1
"""Seconds that open streams have to end by themselves."""


class SimulatedGemini:
    """The server.

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
    ) -> None:
        self.requests: deque[ReceivedRequest] = deque(maxlen=remember)
        self._host = host
        self._port = port
        self._pace = pace
        self._compress = compress
        self._world = World()
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
        call = Call.read(received, self._pace)
        live = _LIVE.fullmatch(call.path)
        try:
            if live is not None and request.headers.get("Upgrade", "").lower() == "websocket":
                return await _converse(call, request, live["version"], started)
            await received.take_body(request.content.iter_any(), uploads.sink(call, self._world))
            script = respond(call, self._world)
            return await _perform(script, request, started, gzip=self._compress and _accepts_gzip(received))
        except asyncio.CancelledError:
            # Either the client has disconnected, which removes the transport, or this server stops.
            received.aborted = request.transport is None
            raise
        except ConnectionError:
            received.aborted = True
            return web.Response()  # reaches nobody; an exception would be logged as an error of this server
        finally:
            received.ended.set()


async def _converse(call: Call, request: web.Request, version: str, started: float) -> web.StreamResponse:
    """Run a session of the Live API. Refuse it without a key; close it after the handshake if the key is invalid."""
    refusal = None
    try:
        key = call.credential()
    except ApiError as error:
        if error.code != 400:
            return await _perform(error_script(error.code, error.body, Form.DOCUMENT), request, started, gzip=False)
        key, refusal = "", error
    socket = web.WebSocketResponse(max_msg_size=_LARGEST_MESSAGE)
    await socket.prepare(request)
    if refusal is not None:
        await socket.close(code=1007, message=refusal.message.encode())
        return socket
    session = LiveSession(key, version, call.pace)
    async for message in socket:
        # Like Google, accept binary and text messages.
        content = message.data if isinstance(message.data, bytes) else str(message.data).encode()
        await _send(session.receive(content), socket, request)
    return socket


async def _send(script: Script, socket: web.WebSocketResponse, request: web.Request) -> None:
    for step in script:
        match step:
            case Send(piece):
                await socket.send_bytes(piece)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Close(code, reason):
                await socket.close(code=code, message=reason.encode())
            case Stall():
                await asyncio.Event().wait()
            case Disconnect():
                if request.transport is not None:
                    request.transport.abort()


async def _perform(script: Script, request: web.Request, started: float, *, gzip: bool) -> web.StreamResponse:
    response = web.StreamResponse()
    compressor = zlib.compressobj(wbits=31) if gzip else None
    for step in script:
        match step:
            case Begin():
                response = _head(step, started, gzip=gzip)
                await response.prepare(request)
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
                if request.transport is not None:
                    request.transport.abort()
                return response
    if compressor is not None:
        await response.write(compressor.flush())
    await response.write_eof()
    return response


def _head(begin: Begin, started: float, *, gzip: bool) -> web.StreamResponse:
    timing = f"gfet4t7; dur={(time.monotonic() - started) * 1000:.0f}"
    headers = [("Content-Type", begin.content_type), *begin.headers, *_GOOGLE_HEADERS, ("Server-Timing", timing)]
    response = web.StreamResponse(status=begin.status, headers=headers)
    if gzip:
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.content_length = begin.length
    return response


def _accepts_gzip(request: ReceivedRequest) -> bool:
    codings = ",".join(request.header_values("accept-encoding")).replace(" ", "").lower().split(",")
    return any(coding == "gzip" or (coding.startswith("gzip;") and coding != "gzip;q=0") for coding in codings)


async def _serve(host: str, port: int, pace: float, *, compress: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Nobody can read the requests of a separate process, so it keeps none.
    async with SimulatedGemini(host=host, port=port, pace=pace, compress=compress, remember=0) as upstream:
        print(f"listening on {upstream.origin}", flush=True)
        await stop.wait()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m gemtap.demo.upstream", description="A simulated Gemini API.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--pace", type=float, default=0.05, metavar="SECONDS", help="between the chunks of a stream")
    parser.add_argument("--compress", action="store_true", help="gzip answers for clients that accept it")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.host, arguments.port, arguments.pace, compress=arguments.compress))


if __name__ == "__main__":
    main()
