"""One WebSocket session, read top-down: connect upstream, accept the client, copy messages both ways, close both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxyStatus, InvalidStatus, ProxyError

from gemtap.addresses import request_target
from gemtap.capture.events import Closing, Kind, RawHeaders
from gemtap.interaction import Outcome
from gemtap.tap import headers as header_rules
from gemtap.tap.admission import without_keys
from gemtap.tap.client_request import ClientHead
from gemtap.tap.destinations import Destination
from gemtap.tap.errors import (
    ExchangeFault,
    answer_to,
    upstream_disconnected,
    upstream_unreachable,
)
from gemtap.tap.lifecycle import ABNORMAL, OpenExchange, TapContext
from gemtap.tap.pings import relay_pings
from gemtap.tap.session_protocol import CONNECTION
from gemtap.tap.silence import Silence
from gemtap.tap.upstream import proxy_for

MAX_MESSAGE: Final = 256 * 2**20
"""Bytes of one message."""

_CLOSE_TIMEOUT: Final = 5.0
"""Seconds that the upstream gets to answer a close."""

_NORMAL, _GOING_AWAY, _NO_STATUS, _INTERNAL_ERROR = 1000, 1001, 1005, 1011


@dataclass
class _Closed(Exception):
    """One side is gone: both pumps end."""

    closing: Closing


class Refused(Exception):
    """The upstream answered the handshake with an ordinary response."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class Relay:
    """The way of every WebSocket session."""

    def __init__(
        self,
        context: TapContext,
        proxy_of: Callable[[str], str | None],
        *,
        connect_timeout: float,
        silence_timeout: float,
    ) -> None:
        """`proxy_of` gives the URL of the proxy through which an upstream is reached, if it is.

        `silence_timeout`: seconds for which an upstream may send nothing after the client has.
        """
        self._context = context
        self._proxy_of = proxy_of
        self._connect_timeout = connect_timeout
        self._silence_timeout = silence_timeout

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one session from its handshake to its close, as an ASGI application."""
        opened = self._context.begin(ClientHead.of_handshake(scope))
        session = _Session(opened, receive, send)
        await opened.run(lambda: self._go(scope, opened, session), tell=session.tell, client_left=lambda: False)

    async def _go(self, scope: Scope, opened: OpenExchange, session: _Session) -> None:
        exchange = opened.exchange
        destination = opened.capture_head(None, is_session=True)
        if destination is None:
            raise opened.refusal()
        opened.reserve(None, 0)
        await exchange.durable()
        exchange.sent = exchange.now()
        try:
            server = await self._connect(destination, opened, scope["subprotocols"])
        except Refused as refusal:
            await session.refuse(refusal.status, refusal.headers, refusal.body)
            return
        try:
            await session.accept(server)
            silence = Silence(destination.upstream, self._silence_timeout)
            relay_pings(scope["extensions"][CONNECTION], server, silence.heard)
            closing = exchange.closing = await session.run(server, silence)
            if closing["by"] == "client" and closing["code"] != ABNORMAL:
                await server.close(_sendable(closing["code"]), closing["reason"])
        finally:
            # Nothing to do where both sides have closed; anywhere else the upstream must not wait for us.
            server.transport.abort()

    async def _connect(
        self, destination: Destination, opened: OpenExchange, subprotocols: list[str]
    ) -> ClientConnection:
        """A session with the upstream. Raises ExchangeFault or Refused."""
        upstream = destination.upstream
        target = request_target(destination.path, opened.query)
        proxy = proxy_for(upstream, self._proxy_of)
        try:
            if opened.admitted is not None:
                subprotocols = without_keys(subprotocols)
            return await _Connect(
                upstream.replace("http", "ws", 1) + target.decode("latin-1"),
                additional_headers=header_rules.to_websocket(opened.upstream_headers(destination)),
                subprotocols=subprotocols or None,  # type: ignore[arg-type]  # websockets has a type of its own for str
                compression=None,
                user_agent_header=None,
                proxy=proxy,
                open_timeout=self._connect_timeout,
                ping_interval=None,
                close_timeout=_CLOSE_TIMEOUT,
                max_size=MAX_MESSAGE,
            )
        except InvalidStatus as exc:
            response = exc.response
            headers = header_rules.to_client(_raw(response.headers))
            body = bytes(response.body or b"")
            if opened.mask is not None:
                headers, body = opened.mask.headers(headers), opened.mask.whole(body)
            raise Refused(response.status_code, headers, body) from exc
        except (TimeoutError, OSError) as exc:
            cause = "the connection did not come about in time" if isinstance(exc, TimeoutError) else _words(exc)
            raise upstream_unreachable(upstream, cause) from exc
        except InvalidProxyStatus as exc:
            raise upstream_unreachable(upstream, f"the proxy answered {exc.response.status_code}") from exc
        except ProxyError as exc:
            raise upstream_unreachable(upstream, "the proxy's answer is not valid HTTP") from exc
        except (InvalidHandshake, ConnectionClosed, EOFError) as exc:
            raise upstream_disconnected(upstream, "its answer is no WebSocket handshake") from exc


class _Connect(connect):
    """A connection to a given destination, without redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Leave redirects to the client."""
        return exc


def _raw(headers: Headers) -> RawHeaders:
    """Headers as websockets has them, as bytes, names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.raw_items()]


def _words(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__


def _sendable(code: int) -> int:
    """The code for a close frame: that none was said cannot be said."""
    return _NORMAL if code == _NO_STATUS else code


class _Session:
    """The client's side, and the copying between both: whatever passes is captured first."""

    def __init__(self, opened: OpenExchange, receive: Receive, send: Send) -> None:
        self._opened = opened
        self._exchange = opened.exchange
        self._receive = receive
        self._send = send
        self._accepted = False
        self._refused = False

    async def accept(self, server: ClientConnection) -> None:
        """Answer the client's handshake as the upstream has answered ours."""
        assert server.response is not None
        headers = header_rules.to_client_websocket(_raw(server.response.headers))
        if self._opened.mask is not None:
            headers = self._opened.mask.headers(headers)
        self._response(101, headers, made_here=False)
        await self._exchange.durable()
        self._accepted = True
        await self._send(
            {
                "type": "websocket.accept",
                "subprotocol": server.subprotocol,
                "headers": [*headers, self._id_header()],
            }
        )

    async def run(self, server: ClientConnection, silence: Silence) -> Closing:
        """Copy messages both ways until one side closes; the client has then been told, if it was the upstream.

        Raises ExchangeFault if the upstream stays silent.
        """
        closing: Closing = {"by": "gemtap", "code": ABNORMAL, "reason": ""}
        fault: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._to_upstream(server, silence))
                tasks.create_task(self._to_client(server))
                tasks.create_task(silence.watch())
        except* ExchangeFault as group:
            fault = group.exceptions[0]
        except* _Closed as group:
            first = group.exceptions[0]
            assert isinstance(first, _Closed)
            closing = first.closing
        if fault is not None:
            raise fault
        if closing["by"] == "upstream" and closing["code"] != ABNORMAL:
            await self._close(_sendable(closing["code"]), closing["reason"])
        # If the upstream broke off, the client gets no close frame: returning without one breaks its connection, too.
        return closing

    async def _to_upstream(self, server: ClientConnection, silence: Silence) -> None:
        while True:
            event = await self._receive()
            match event["type"]:
                case "websocket.receive":
                    message: str | bytes = event["text"] if event.get("text") is not None else event["bytes"]
                    self._exchange.message(Kind.WS_CLIENT, message)
                    await self._exchange.durable()
                    try:
                        await server.send(message)
                        silence.asked()
                    except ConnectionClosed:
                        return  # the other pump records how
                case "websocket.disconnect":
                    # uvicorn has a reason, even an empty one, only if the client has sent a close frame.
                    code = event["code"] if "reason" in event else ABNORMAL
                    raise _Closed({"by": "client", "code": code, "reason": event.get("reason") or ""})

    async def _to_client(self, server: ClientConnection) -> None:
        mask = self._opened.mask
        while True:
            try:
                message = await server.recv()
            except ConnectionClosed as exc:
                code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else (ABNORMAL, "")
                raise _Closed(
                    {"by": "upstream", "code": code, "reason": reason if mask is None else mask.text(reason)}
                ) from exc
            if mask is not None:
                message = mask.text(message) if isinstance(message, str) else mask.whole(message)
            self._exchange.message(Kind.WS_SERVER, message)
            await self._exchange.durable()
            try:
                await self._send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
            except OSError:
                return  # the client has left: the other pump records how

    async def refuse(self, status: int, headers: RawHeaders, body: bytes, *, made_here: bool = False) -> None:
        """Answer the client's handshake with an ordinary response."""
        self._refused = True
        self._response(status, headers, made_here=made_here)
        self._exchange.response_body(body)
        await self._exchange.durable()
        await self._send(
            {
                "type": "websocket.http.response.start",
                "status": status,
                "headers": [*headers, self._id_header()],
            }
        )
        await self._send({"type": "websocket.http.response.body", "body": body})

    async def tell(self, fault: ExchangeFault) -> None:
        """Report an error: as a response before the session begins, else by closing it."""
        try:
            if self._accepted:
                code = _GOING_AWAY if fault.outcome is Outcome.SHUTDOWN else _INTERNAL_ERROR
                self._exchange.closing = {"by": "gemtap", "code": code, "reason": fault.code}
                await self._close(code, fault.code)
            elif not self._refused:
                headers, body = answer_to(fault, self._exchange.provider)
                await self.refuse(fault.status, headers, body, made_here=True)
        except (OSError, asyncio.CancelledError):
            return  # the client left in the meantime

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            return  # it has closed at the same moment

    def _response(self, status: int, headers: RawHeaders, *, made_here: bool) -> None:
        self._exchange.response(
            status=status,
            headers=headers,
            made_here=made_here,
            length=None,
        )

    def _id_header(self) -> tuple[bytes, bytes]:
        return b"x-gemtap-id", str(self._exchange.id).encode("ascii")
