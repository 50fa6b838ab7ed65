"""One WebSocket session, read top-down: connect upstream, accept the client, copy messages both ways, close both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxyStatus, InvalidStatus

from gemtap import __version__
from gemtap.capture.events import Closing, Kind, RawHeaders
from gemtap.capture.spool import TapFolder
from gemtap.interaction import Outcome
from gemtap.providers import routing
from gemtap.tap import headers as header_rules
from gemtap.tap.credentials import Fingerprints, Redacted, redact_request, scrub
from gemtap.tap.errors import (
    ExchangeFault,
    answer,
    proxy_error,
    refused_path,
    shutting_down,
    upstream_disconnected,
    upstream_unreachable,
)
from gemtap.tap.exchange import Exchange, Losses

_log = logging.getLogger(__name__)

MAX_MESSAGE: Final = 256 * 2**20
"""Bytes of one message."""

_CLOSE_TIMEOUT: Final = 5.0
"""Seconds that the upstream gets to answer a close."""

_NORMAL, _GOING_AWAY, _NO_STATUS, _ABNORMAL = 1000, 1001, 1005, 1006


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
    """What every WebSocket session of this tap shares."""

    def __init__(
        self,
        folder: TapFolder,
        losses: Losses,
        origins: Mapping[str, str],
        proxies: Mapping[str, str],
        fingerprints: Fingerprints,
        *,
        connect_timeout: float,
        max_body: int,
    ) -> None:
        self._folder = folder
        self._losses = losses
        self._origins = origins
        self._proxies = proxies
        self._fingerprints = fingerprints
        self._connect_timeout = connect_timeout
        self._max_body = max_body

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one session from its handshake to its close, as an ASGI application."""
        exchange = Exchange(self._folder, self._losses, max_body=self._max_body)
        redacted = redact_request(scope["headers"], scope["query_string"], self._fingerprints)
        session = _Session(exchange, receive, send, redacted, self._fingerprints)

        outcome, details, closing = Outcome.PROXY_ERROR, None, None
        try:
            try:
                closing = await self._carry(exchange, session, scope, redacted)
                outcome = _outcome_of(closing)
            except Refused as refusal:
                await session.refuse(refusal.status, refusal.headers, refusal.body)
                outcome = Outcome.COMPLETE
            except ExchangeFault as fault:
                outcome, details = fault.outcome, scrub(str(fault).encode(), redacted.found).decode()
                await session.tell(fault)
        except asyncio.CancelledError:
            ending = shutting_down()
            outcome, details = ending.outcome, str(ending)
            closing = {"by": "gemtap", "code": _GOING_AWAY, "reason": ""}
            await session.tell(ending)
        except Exception as exc:
            failure = proxy_error(exc)
            outcome, details = failure.outcome, scrub(repr(exc).encode(), redacted.found).decode()
            _log.error("exchange %s failed: %s", exchange.id, details)
            await session.tell(failure)
        finally:
            exchange.end(outcome, details, closing)

    async def _carry(self, exchange: Exchange, session: _Session, scope: Scope, redacted: Redacted) -> Closing:
        path: bytes = scope["raw_path"]
        headers: RawHeaders = scope["headers"]
        route = routing.match(path)
        upstream = self._origins.get(route.provider) if route else None
        exchange.request(
            method="GET",
            path=path,
            http_version=scope["http_version"],
            redacted=redacted,
            client=scope["client"][0] if scope["client"] else None,
            provider=route.provider if route else "",
            upstream_path=route.path if route else b"",
            upstream=upstream,
            version=__version__,
            length=None,
        )
        if route is None or upstream is None:
            raise refused_path(path.decode("latin-1"), routing.KNOWN)
        target = route.path + b"?" + scope["query_string"] if scope["query_string"] else route.path
        exchange.sent = exchange.now()
        server = await self._connect(upstream, target.decode("latin-1"), headers, scope["subprotocols"])
        try:
            await session.accept(server)
            closing = await session.run(server)
            if closing["by"] == "client" and closing["code"] != _ABNORMAL:
                await server.close(_sendable(closing["code"]), closing["reason"])
            return closing
        finally:
            # Nothing to do where both sides have closed; anywhere else the upstream must not wait for us.
            server.transport.abort()

    async def _connect(
        self, upstream: str, target: str, headers: RawHeaders, subprotocols: list[str]
    ) -> ClientConnection:
        """A session with the upstream. Raises ExchangeFault or Refused."""
        try:
            return await _Connect(
                upstream.replace("http", "ws", 1) + target,
                additional_headers=header_rules.to_websocket(headers),
                subprotocols=subprotocols or None,  # type: ignore[arg-type]  # websockets has a type of its own for str
                compression=None,
                user_agent_header=None,
                proxy=self._proxies.get(upstream),
                open_timeout=self._connect_timeout,
                ping_interval=None,
                close_timeout=_CLOSE_TIMEOUT,
                max_size=MAX_MESSAGE,
            )
        except InvalidStatus as exc:
            response = exc.response
            raw = tuple(
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.raw_items()
            )
            raise Refused(response.status_code, header_rules.to_client(raw), bytes(response.body or b"")) from exc
        except (TimeoutError, OSError) as exc:
            cause = "the connection did not come about in time" if isinstance(exc, TimeoutError) else _words(exc)
            raise upstream_unreachable(upstream, cause) from exc
        except InvalidProxyStatus as exc:
            raise upstream_unreachable(upstream, f"the proxy answered {exc.response.status_code}") from exc
        except (InvalidHandshake, ConnectionClosed, EOFError) as exc:
            raise upstream_disconnected(upstream, "its answer is no WebSocket handshake") from exc


class _Connect(connect):
    """A connection that goes where it is told, and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Leave redirects to the client."""
        return exc


def _words(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__


def _outcome_of(closing: Closing) -> Outcome:
    if closing["code"] != _ABNORMAL:
        return Outcome.COMPLETE
    return Outcome.CLIENT_DISCONNECTED if closing["by"] == "client" else Outcome.UPSTREAM_DISCONNECTED


def _sendable(code: int) -> int:
    """The code for a close frame: that none was said cannot be said."""
    return _NORMAL if code == _NO_STATUS else code


class _Session:
    """The client's side, and the copying between both: whatever passes is captured first."""

    def __init__(
        self, exchange: Exchange, receive: Receive, send: Send, redacted: Redacted, fingerprints: Fingerprints
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._redacted = redacted
        self._fingerprints = fingerprints
        self._accepted = False
        self._refused = False

    async def accept(self, server: ClientConnection) -> None:
        """Answer the client's handshake as the upstream has answered ours."""
        assert server.response is not None
        raw = tuple(
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in server.response.headers.raw_items()
        )
        headers = header_rules.to_client_websocket(raw)
        self._response(101, headers, made_here=False)
        self._accepted = True
        await self._send(
            {
                "type": "websocket.accept",
                "subprotocol": server.subprotocol,
                "headers": [*headers, self._id_header()],
            }
        )

    async def run(self, server: ClientConnection) -> Closing:
        """Copy messages both ways until one side closes; the client has then been told, if it was the upstream."""
        closing: Closing = {"by": "gemtap", "code": _ABNORMAL, "reason": ""}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._to_upstream(server))
                tasks.create_task(self._to_client(server))
        except* _Closed as group:
            first = group.exceptions[0]
            assert isinstance(first, _Closed)
            closing = first.closing
        if closing["by"] == "upstream" and closing["code"] != _ABNORMAL:
            await self._close(_sendable(closing["code"]), closing["reason"])
        # Of an upstream that broke off the client sees no close: leaving without one breaks its connection too.
        return closing

    async def _to_upstream(self, server: ClientConnection) -> None:
        while True:
            event = await self._receive()
            match event["type"]:
                case "websocket.receive":
                    message: str | bytes = event["text"] if event.get("text") is not None else event["bytes"]
                    self._exchange.message(Kind.WS_CLIENT, message, self._redacted)
                    try:
                        await server.send(message)
                    except ConnectionClosed:
                        return  # the other pump says how
                case "websocket.disconnect":
                    # uvicorn gives a reason, be it an empty one, only where the client has sent a close frame.
                    code = event["code"] if "reason" in event else _ABNORMAL
                    raise _Closed({"by": "client", "code": code, "reason": event.get("reason") or ""})

    async def _to_client(self, server: ClientConnection) -> None:
        while True:
            try:
                message = await server.recv()
            except ConnectionClosed as exc:
                code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else (_ABNORMAL, "")
                raise _Closed({"by": "upstream", "code": code, "reason": reason}) from exc
            self._exchange.message(Kind.WS_SERVER, message, self._redacted)
            try:
                await self._send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
            except OSError:
                return  # the client has gone: the other pump says how

    async def refuse(self, status: int, headers: RawHeaders, body: bytes, *, made_here: bool = False) -> None:
        """Answer the client's handshake with an ordinary response."""
        self._refused = True
        self._response(status, headers, made_here=made_here)
        self._exchange.response_body(body)
        await self._send(
            {
                "type": "websocket.http.response.start",
                "status": status,
                "headers": [*headers, self._id_header()],
            }
        )
        await self._send({"type": "websocket.http.response.body", "body": body})

    async def tell(self, fault: ExchangeFault) -> None:
        """Say what went wrong: as a response while there is no session, else by closing it."""
        try:
            if self._accepted:
                await self._close(_GOING_AWAY if fault.outcome is Outcome.SHUTDOWN else 1011, fault.code)
            elif not self._refused:
                headers, body = answer(fault.status, fault.code, fault.message)
                await self.refuse(fault.status, headers, body, made_here=True)
        except (OSError, asyncio.CancelledError):
            return  # the client has gone meanwhile

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            return  # it has closed at the same moment

    def _response(self, status: int, headers: RawHeaders, *, made_here: bool) -> None:
        self._exchange.response(
            status=status,
            headers=headers,
            redacted=self._redacted,
            fingerprints=self._fingerprints,
            made_here=made_here,
            length=None,
        )

    def _id_header(self) -> tuple[bytes, bytes]:
        return b"x-gemtap-id", str(self._exchange.id).encode("ascii")
