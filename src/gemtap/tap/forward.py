"""One exchange, top to bottom: match the provider, open the capture, send, copy the answer out, end the capture."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial

from gemtap.addresses import request_target
from gemtap.capture.events import RawHeaders
from gemtap.interaction import Outcome
from gemtap.limits.estimate import MOST_READ
from gemtap.tap import headers as header_rules
from gemtap.tap.client_request import ClientHead, ClientRequest
from gemtap.tap.destinations import Destination
from gemtap.tap.errors import ExchangeFault, answer_to
from gemtap.tap.exchange import Exchange
from gemtap.tap.lifecycle import OpenExchange, TapContext
from gemtap.tap.masking import KeyMask
from gemtap.tap.response import UpstreamResponse
from gemtap.tap.upstream import BROKEN, RequestBody, Upstreams
from gemtap.tap.url_rewriting import UrlRewriter, client_origin, names_urls


class Forwarder:
    """The way of every request."""

    def __init__(self, context: TapContext, upstreams: Upstreams, *, trusted_fronts: Collection[str]) -> None:
        """`trusted_fronts`: addresses whose `X-Forwarded-*` are believed."""
        self._context = context
        self._upstreams = upstreams
        self._trusted_fronts = trusted_fronts

    async def forward(self, request: ClientRequest) -> None:
        """Carry one exchange from its first byte to its last."""
        opened = self._context.begin(request.head)
        client = _Client(opened.exchange, request)
        connection = request.connection
        await opened.run(lambda: self._go(opened, client), tell=client.tell, client_left=lambda: connection.lost)

    async def _go(self, opened: OpenExchange, client: _Client) -> None:
        head, exchange = opened.head, opened.exchange
        length = header_rules.content_length(head.headers)
        # The first chunk of the body mostly arrives with the head: one write captures both before either is forwarded.
        exchange.hold()
        destination = opened.capture_head(length)
        has_body = header_rules.has_body(head.headers, length) or head.has_unsized_body
        body = RequestBody(client.read) if has_body else None
        whole = await body.whole() if body is not None else None
        if opened.limited is not None:
            whole = await _reserve(opened, body, whole, length)
        exchange.release()
        if exchange.waits_for_disk:
            await exchange.durable()
        opened.check_captured()
        if destination is None:
            await _read_to_end(body)
            raise opened.refusal()

        exchange.sent = exchange.now()
        response = await self._upstreams.send(
            destination.upstream,
            head.method,
            request_target(destination.path, opened.query),
            header_rules.to_upstream(opened.upstream_headers(destination), destination.host),
            # Without a Content-Length, the body is forwarded chunked, as it came.
            whole if whole is not None and (length is not None or head.has_unsized_body) else body,
            on_interim=client.interim if opened.mask is None else partial(client.interim, mask=opened.mask),
        )
        try:
            await self._relay(destination, response, client, opened.mask)
        finally:
            # Closing an answer that is not read to its end closes its connection: the upstream stops at once.
            response.close()

    async def _relay(
        self, destination: Destination, response: UpstreamResponse, client: _Client, mask: KeyMask | None
    ) -> None:
        """Copy the answer out: each read from the upstream is one write to the client, captured first."""
        headers = header_rules.to_client(response.headers)
        if names_urls(headers, destination.wire.rewritten_headers):
            headers = self._rewriter(destination, client.head).rewrite(headers)
        piece, reason = response.take(), response.reason
        if mask is not None:
            headers, reason = mask.headers(headers), mask.whole(reason)
            piece = mask.piece(piece, last=response.is_read)
        await client.start(response.status, headers, piece, reason=reason, more=not response.is_read)
        pass_on = client.pass_on if mask is None else partial(client.pass_on, mask=mask)
        # Not until the answer is read: its end may arrive while a slow client is waited for.
        while not client.is_answered:
            try:
                if client.waits_for_disk:
                    piece = await response.read()
                    await client.pass_on_durably(piece, not response.is_read, mask)
                else:
                    await response.pass_on(pass_on)
                    await client.ready()
            except BROKEN as exc:
                raise self._upstreams.fault(destination.upstream, exc) from exc

    def _rewriter(self, destination: Destination, head: ClientHead) -> UrlRewriter:
        trusted = head.client in self._trusted_fronts
        origin = client_origin(head.headers, scheme=head.scheme, local=head.local, trusted=trusted)
        return UrlRewriter(origin, destination.prefix, destination.upstream, destination.wire.rewritten_headers)


async def _reserve(
    opened: OpenExchange, body: RequestBody | None, whole: bytes | None, length: int | None
) -> bytes | None:
    """Reserve what the request may use of limits, and return its body if that is whole. Raises ExchangeFault."""
    assert opened.limited is not None
    size = length or 0
    if body is not None and whole is None:
        if opened.limited.may_hold(length):
            whole = await body.hold(MOST_READ)
            size = length or body.arrived
        elif length is None:
            size = MOST_READ
    try:
        opened.reserve(b"" if body is None else whole, size)
    except ExchangeFault:
        await _read_to_end(body)
        raise
    return whole


async def _read_to_end(body: RequestBody | None) -> None:
    """Read what a refused client is still sending, so that it is captured and the client reads our answer."""
    if body is not None:
        async for _ in body:
            pass


class _Client:
    """The client's side of one exchange: whatever is read from it or written to it is captured first."""

    def __init__(self, exchange: Exchange, request: ClientRequest) -> None:
        self.head = request.head
        self._exchange = exchange
        self._request = request
        self._started = False

    async def read(self) -> tuple[bytes, bool]:
        """The next piece of the request's body, and whether more follow."""
        exchange = self._exchange
        if not self._request.has_arrived:
            # The client may be slow: write what has been captured so far.
            exchange.release()
        piece, more = await self._request.read()
        if piece:
            exchange.request_body(piece, last=not more)
        if not more:
            exchange.request_is_whole()
        if piece and exchange.waits_for_disk:
            await exchange.durable()
        return piece, more

    def interim(self, status: int, reason: bytes, headers: RawHeaders, mask: KeyMask | None = None) -> None:
        """Pass on an interim answer. It is not captured: what it announces comes again in the answer."""
        headers = header_rules.to_client(headers)
        if mask is not None:
            reason, headers = mask.whole(reason), mask.headers(headers)
        self._request.interim(status, reason, headers)

    async def start(
        self,
        status: int,
        headers: RawHeaders,
        piece: bytes,
        *,
        reason: bytes | None = None,
        more: bool,
        made_here: bool = False,
    ) -> None:
        """Send the response's head, with the first chunk of its body if that has arrived; `more`: the rest follows."""
        exchange = self._exchange
        self._started = True
        exchange.hold()
        exchange.response(
            status=status, headers=headers, made_here=made_here, length=header_rules.content_length(headers)
        )
        if piece:
            exchange.response_body(piece, last=not more)
        headers = [*headers, (b"x-gemtap-id", str(exchange.id).encode("ascii"))]
        composed = self._request.composed(status, headers, piece, reason=reason, more=more)
        if not made_here and self._ends_now(more=more):
            exchange.end(Outcome.COMPLETE, None)
        else:
            await self._captured()
        self._request.start_composed(composed, more=more)

    def pass_on(self, piece: bytes, more: bool, mask: KeyMask | None = None) -> bool:
        """Send a piece of the answer's body to a client that is ready; `more`: the rest follows.

        Returns whether it takes another without being waited for.
        """
        if mask is not None:
            piece = mask.piece(piece, last=not more)
        exchange = self._exchange
        ends = self._ends_now(more=more)
        if piece:
            self._request.check_client()
        if ends:
            exchange.hold()
        if piece:
            exchange.response_body(piece, last=not more)
        if ends:
            exchange.end(Outcome.COMPLETE, None)
        self._request.write(piece, more=more)
        return self._request.is_ready

    async def pass_on_durably(self, piece: bytes, more: bool, mask: KeyMask | None) -> None:
        """Send a piece of the answer's body once it is on the disk."""
        if mask is not None:
            piece = mask.piece(piece, last=not more)
        if piece:
            self._request.check_client()
            self._exchange.response_body(piece, last=not more)
        await self._captured()
        self._request.write(piece, more=more)

    @property
    def is_answered(self) -> bool:
        """Whether the end of the answer was sent."""
        return self._request.response_complete

    @property
    def waits_for_disk(self) -> bool:
        """Whether nothing may be passed on before it is on the disk."""
        return self._exchange.waits_for_disk

    async def ready(self) -> None:
        """Wait until a slow client takes more."""
        await self._request.ready()

    def _ends_now(self, *, more: bool) -> bool:
        """Whether the last of the answer goes out with nothing to wait for: one write captures it and the end."""
        return not more and not self._exchange.waits_for_disk and self._request.is_ready

    async def _captured(self) -> None:
        """Write what is captured so far, and wait until it may be passed on and a slow client takes more."""
        self._exchange.release()
        if self._exchange.waits_for_disk:
            await self._exchange.durable()
        await self._request.ready()

    async def tell(self, fault: ExchangeFault) -> None:
        """Answer with an error, unless an answer is under way: that one is left broken, never cleanly ended."""
        if self._started:
            self._request.break_off()
            return
        headers, body = answer_to(fault, self._exchange.provider)
        try:
            await self.start(fault.status, headers, body, more=False, made_here=True)
        except asyncio.CancelledError:
            # The client left in the meantime. The earlier cause ended the exchange.
            return
