"""One exchange, top to bottom: match the provider, open the capture, send, copy the answer out, end the capture."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gemtap.addresses import host_of
from gemtap.capture.events import RawHeaders
from gemtap.tap import headers as header_rules
from gemtap.tap.errors import ExchangeFault, answer
from gemtap.tap.lifecycle import ClientLeft, OpenExchange, TapContext
from gemtap.tap.protocol import CONNECTION, CYCLE, TapProtocol
from gemtap.tap.response import UpstreamResponse
from gemtap.tap.upstream import BROKEN, RequestBody, Upstreams
from gemtap.tap.url_rewriting import UrlRewriter, client_origin


class Forwarder:
    """The way of every request."""

    def __init__(self, context: TapContext, upstreams: Upstreams, *, trusted_fronts: Collection[str]) -> None:
        """`trusted_fronts`: addresses whose `X-Forwarded-*` are believed."""
        self._context = context
        self._upstreams = upstreams
        self._trusted_fronts = trusted_fronts

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one exchange from its first byte to its last, as an ASGI application."""
        connection: TapProtocol = scope["extensions"][CONNECTION]
        task = asyncio.current_task()
        assert task is not None
        opened = self._context.begin(scope)
        client = _Client(opened, connection, receive, send)
        connection.on_lost = task.cancel
        try:
            await opened.run(lambda: self._go(opened, client), tell=client.tell, client_left=lambda: connection.lost)
        finally:
            connection.on_lost = None

    async def _go(self, opened: OpenExchange, client: _Client) -> None:
        scope, exchange = opened.scope, opened.exchange
        headers: RawHeaders = scope["headers"]
        length = header_rules.content_length(headers)
        # The first chunk of the body mostly arrives with the head: one write captures both before either is forwarded.
        exchange.hold()
        destination = opened.capture_head(scope["method"], length)
        has_body = bool(length) or header_rules.value_of(headers, b"transfer-encoding") is not None
        body = RequestBody(client.read) if has_body else None
        whole = await body.whole() if body is not None else None
        exchange.release()
        await exchange.durable()
        opened.check_captured()
        if destination is None:
            await _read_to_end(body)
            raise opened.refusal()

        upstream = destination.upstream
        exchange.sent = exchange.now()
        response = await self._upstreams.send(
            upstream,
            scope["method"],
            destination.target,
            header_rules.to_upstream(headers, host_of(upstream)),
            # Without a Content-Length, the body is forwarded chunked, as it came.
            whole if whole is not None and length is not None else body,
        )
        rewriter = UrlRewriter(self._origin_of(scope), destination.prefix, upstream, destination.wire.rewritten_headers)
        try:
            await self._relay(upstream, response, client, rewriter)
        finally:
            # Closing an answer that is not read to its end closes its connection: the upstream stops at once.
            response.close()

    def _origin_of(self, scope: Scope) -> bytes:
        peer = scope["client"]
        trusted = peer is not None and peer[0] in self._trusted_fronts
        return client_origin(scope["headers"], scheme=scope["scheme"], local=scope["server"], trusted=trusted)

    async def _relay(self, upstream: str, response: UpstreamResponse, client: _Client, rewriter: UrlRewriter) -> None:
        """Copy the answer out: each read from the upstream is one write to the client, captured first."""
        headers = rewriter.rewrite(header_rules.to_client(response.headers))
        await client.start(response.status, headers, response.take())
        try:
            while piece := await response.read():
                await client.write(piece)
        except BROKEN as exc:
            raise self._upstreams.fault(upstream, exc) from exc
        await client.finish()


async def _read_to_end(body: RequestBody | None) -> None:
    """Read what a refused client is still sending, so that it is captured and the client reads our answer."""
    if body is not None:
        async for _ in body:
            pass


class _Client:
    """The client's side of one exchange: whatever is read from it or written to it is captured first."""

    def __init__(self, opened: OpenExchange, connection: TapProtocol, receive: Receive, send: Send) -> None:
        self._opened = opened
        self._exchange = opened.exchange
        self._connection = connection
        self._cycle: RequestResponseCycle = opened.scope["extensions"][CYCLE]
        self._receive = receive
        self._send = send
        self._started = False

    async def read(self) -> tuple[bytes, bool]:
        """The next piece of the request's body, and whether more follow."""
        if not self._cycle.message_event.is_set():
            # The client may be slow: write what has been captured so far.
            self._exchange.release()
        event = await self._receive()
        if event["type"] == "http.disconnect":
            raise ClientLeft
        piece: bytes = event.get("body", b"")
        more: bool = event.get("more_body", False)
        if piece:
            self._exchange.request_body(piece)
        if not more:
            self._exchange.request_is_whole()
        if piece:
            await self._exchange.durable()
        return piece, more

    async def start(self, status: int, headers: RawHeaders, piece: bytes, *, made_here: bool = False) -> None:
        """Send the response's head, with the first chunk of its body if that has arrived."""
        self._started = True
        self._exchange.hold()
        self._exchange.response(
            status=status,
            headers=headers,
            made_here=made_here,
            length=header_rules.content_length(headers),
        )
        if piece:
            self._exchange.response_body(piece)
        self._exchange.release()
        await self._exchange.durable()
        headers = [*headers, (b"x-gemtap-id", str(self._exchange.id).encode("ascii"))]
        self._connection.joining.hold()
        try:
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            if status in (204, 304):
                # There is no body, whatever the Content-Length: in a 304 it describes the response that is not sent.
                self._cycle.expected_content_length = 0
            if piece:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            self._connection.joining.release()

    async def write(self, piece: bytes) -> None:
        """Send a piece of the answer's body."""
        self._exchange.response_body(piece)
        await self._exchange.durable()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def finish(self) -> None:
        """Say that the answer is whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def tell(self, fault: ExchangeFault) -> None:
        """Answer with an error, unless an answer is under way: that one is left broken, never cleanly ended."""
        if self._started:
            self._connection.break_off()
            return
        headers, body = answer(fault.status, fault.code, fault.message, self._exchange.provider)
        try:
            await self.start(fault.status, headers, body, made_here=True)
            await self.finish()
        except asyncio.CancelledError:
            # The client left in the meantime. The earlier cause ended the exchange.
            return
