"""The tap as a forward proxy: `CONNECT`, and requests with an absolute URL.

TLS is ended for the hosts of providers alone; their requests then go the usual way. Everything else is copied blindly.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from gemtap.addresses import mask_in, request_target
from gemtap.capture.events import RawHeaders
from gemtap.tap import headers as header_rules
from gemtap.tap.admission import Admission, key_in
from gemtap.tap.client_hello import ClientHello
from gemtap.tap.client_request import ClientRequest
from gemtap.tap.destinations import Destinations
from gemtap.tap.dialling import Endpoint, NotAdmitted
from gemtap.tap.errors import ExchangeFault, answer, upstream_unreachable
from gemtap.tap.handshake import Early, knows_http1, peek
from gemtap.tap.leaves import Leaves
from gemtap.tap.proxied import Proxied, Target, is_local_name, is_loopback, is_public
from gemtap.tap.proxy_errors import bad_target, key_needed, no_forward_proxy, private_target, stranger, too_many_tunnels
from gemtap.tap.tunnel import Tunnel, TunnelSide, open_tunnel
from gemtap.tap.tunnel_counts import TunnelCounts
from gemtap.tap.upstream import BROKEN, RequestBody, Upstreams, connecting, proxy_for

if TYPE_CHECKING:
    from gemtap.interception.authority import Leaf

_log = logging.getLogger(__name__)

MAX_TUNNELS: Final = 4096

HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds from the answer to CONNECT to the end of the TLS handshake."""

_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Connection(Protocol):
    """A client's connection on which the request was CONNECT."""

    transport: asyncio.Transport
    client: tuple[str, int] | None
    connections: set[Any]

    def hand_over(self) -> None:
        """Take no more part in what happens on the transport."""

    def refuse(self, fault: ExchangeFault) -> None:
        """Answer with an error, and close."""

    def inside(self, proxied: Proxied) -> asyncio.Protocol:
        """A protocol for the requests inside of the tunnel."""


class ForwardProxy:
    """What every use of the forward proxy shares."""

    def __init__(
        self,
        destinations: Destinations,
        upstreams: Upstreams,
        leaves: Leaves,
        counts: TunnelCounts,
        proxy_of: Callable[[str], str | None],
        admission: Admission,
        *,
        is_on: bool,
        leads_to_private: bool,
        connect_timeout: float,
    ) -> None:
        """`upstreams`: for plain requests to hosts of nobody's; `leads_to_private`: also to the local network."""
        self._destinations = destinations
        self._upstreams = upstreams
        self.leaves = leaves
        self.counts = counts
        self._proxy_of = proxy_of
        self._admission = admission
        self._is_on = is_on
        self._leads_to_private = leads_to_private
        self._connect_timeout = connect_timeout
        self._say_once = lru_cache(maxsize=256)(_log.info)
        self._tls = lru_cache(maxsize=1)(ssl.create_default_context)

    def not_admitted(self, client: tuple[str, int] | None, headers: RawHeaders) -> ExchangeFault | None:
        """Why a client may not use the forward proxy; None if it may.

        Where access keys are in use, whoever has one may; else the programs of this machine.
        """
        if not self._is_on:
            return no_forward_proxy()
        if self._admission.is_on:
            return key_needed() if isinstance(self._admission.user_of(_key_of(headers)), ExchangeFault) else None
        if client is None or not is_loopback(client[0]):
            return stranger()
        return None

    def proxied(self, target: Target, headers: RawHeaders) -> Proxied | None:
        """How a request to a target is forwarded and recorded; None if it is no provider's."""
        provider = self._destinations.provider_at(target)
        return Proxied(target, provider, access_key=_key_of(headers)) if provider is not None else None

    # CONNECT -----------------------------------------------------------------

    async def connect(self, client: Connection, target: Target, headers: RawHeaders, rest: bytes) -> None:
        """Serve one CONNECT until its tunnel is closed or its TLS ended. `rest` followed it without waiting."""
        try:
            client.transport.pause_reading()
            proxied = self.proxied(target, headers)
            leaf = await self._leaf(target) if proxied is not None else None
            if proxied is None or leaf is None:
                await self._tunnel(client, target, rest)
            elif rest:
                raise bad_target("the client sent bytes before CONNECT was answered")
            else:
                await self._intercept(client, proxied, leaf)
        except ExchangeFault as fault:
            client.refuse(fault)

    async def _leaf(self, target: Target) -> Leaf | None:
        """The certificate for a provider's host; None if there is none, which is said."""
        if "." not in target.host:
            return None
        try:
            return await self.leaves.of(target.host)
        except OSError as exc:
            message = f"Gemtap cannot read or make its authority: {exc.strerror}. See `gemtap ca show`."
            raise upstream_unreachable(target.origin, message) from exc
        except Exception as exc:
            # Importing what it is a class of takes 0.1 s, so that it is not named here.
            self._say_once(f"{target.host} is not recorded: {exc}")
            return None

    async def _intercept(self, client: Connection, proxied: Proxied, leaf: Leaf) -> None:
        transport, target = client.transport, proxied.target
        transport.write(_ESTABLISHED)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                hello = await peek(transport)
        except (TimeoutError, OSError):
            transport.abort()
            return
        if hello is not None and knows_http1(hello):
            await self._end_tls(client, proxied, leaf, hello)
            return
        what = "speaks no TLS" if hello is None else f"offers only {b', '.join(hello.protocols).decode('latin-1')[:50]}"
        self._say_once(f"A client that {what} is connected to {target.host} unrecorded: Gemtap ends HTTP/1.1 over TLS.")
        await self._tunnel(client, target, b"", is_established=True)

    async def _end_tls(self, client: Connection, proxied: Proxied, leaf: Leaf, hello: ClientHello) -> None:
        early = Early()
        client.hand_over()
        client.connections.add(early)
        try:
            transport = await asyncio.get_running_loop().start_tls(
                client.transport, early, leaf.context, server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            )
        except (OSError, asyncio.InvalidStateError) as exc:
            client.transport.abort()
            reason = getattr(exc, "reason", None) or type(exc).__name__
            self._say_once(
                f"A client ended its TLS handshake with {proxied.target.host} ({reason}). If it does not trust "
                "Gemtap's authority, start it with `gemtap run`, or see `gemtap ca trust`."
            )
            return
        finally:
            client.connections.discard(early)
        if transport is None:
            return
        self.counts.intercepted += 1
        inside = client.inside(replace(proxied, sni=hello.server_name))
        transport.set_protocol(inside)
        inside.connection_made(transport)
        early.pass_on(inside)

    async def _tunnel(self, client: Connection, target: Target, rest: bytes, *, is_established: bool = False) -> None:
        if self.counts.open >= MAX_TUNNELS:
            raise too_many_tunnels(MAX_TUNNELS)
        self.counts.open += 1
        try:
            try:
                far = await self._dial(target)
            except ExchangeFault:
                if not is_established:
                    raise
                client.transport.abort()
                return
            client.hand_over()
            near = TunnelSide()
            near.connection_made(client.transport)
            client.transport.set_protocol(near)
            if not is_established:
                client.transport.write(_ESTABLISHED)
            if rest:
                near.data_received(rest)
            await self._copy(client, target, near, far)
        finally:
            self.counts.open -= 1

    async def _copy(self, client: Connection, target: Target, near: TunnelSide, far: TunnelSide) -> None:
        """Copy both ways until both connections are closed."""
        tunnel = Tunnel(near, far)
        client.connections.add(tunnel)
        try:
            far.join(near)
            near.join(far)
            if client.transport.is_closing():
                far.abort()
            await asyncio.wait((near.closed, far.closed))
        finally:
            near.abort()
            far.abort()
            client.connections.discard(tunnel)
            self.counts.add(target.host, near.copied + far.copied)

    async def _dial(self, target: Target) -> TunnelSide:
        admits = None if self._leads_to_private or self._destinations.is_upstream(target) else is_public
        if admits is not None:
            _check_name(target)
        proxy = proxy_for(target.origin, self._proxy_of)
        endpoint = Endpoint("http", target.host, target.port)
        async with connecting(target.origin, self._connect_timeout):
            return await open_tunnel(endpoint, Endpoint.of(proxy) if proxy else None, self._tls, admits)

    # Plain requests to hosts of nobody's -------------------------------------

    async def pass_on(self, request: ClientRequest, target: Target) -> None:
        """Forward a request with an absolute http URL to a host of nobody's, and record nothing of it."""
        try:
            if target.scheme != "http":
                raise bad_target("an https URL without CONNECT")
            if not self._leads_to_private:
                _check_name(target)
            head = request.head
            has_body = header_rules.has_body(head.headers, header_rules.content_length(head.headers))
            response = await self._upstreams.send(
                target.origin,
                head.method,
                request_target(head.path, head.query),
                header_rules.to_upstream(head.headers, target.origin.partition("://")[2].encode("latin-1")),
                RequestBody(request.read) if has_body else None,
                on_interim=request.interim,
            )
            copied = 0
            try:
                piece = response.take()
                more = not response.is_read
                request.start(
                    response.status, header_rules.to_client(response.headers), piece, reason=response.reason, more=more
                )
                copied += len(piece)
                while more:
                    piece = await response.read()
                    more = not response.is_read
                    await request.ready()
                    request.write(piece, more=more)
                    copied += len(piece)
            finally:
                response.close()
                self.counts.add(target.host, copied)
        except BROKEN:
            request.break_off()
        except ExchangeFault as fault:
            if not request.response_started:
                headers, body = answer(fault.status, fault.code, mask_in(fault.message))
                request.start(fault.status, headers, body, more=False)


def _key_of(headers: RawHeaders) -> bytes | None:
    """The access key that the client shows the proxy."""
    value = header_rules.value_of(headers, b"proxy-authorization")
    return key_in(value) if value is not None else None


def _check_name(target: Target) -> None:
    """Refuse what leads into the local network by its name alone, also through an outgoing proxy."""
    if is_local_name(target.host):
        raise private_target(str(NotAdmitted.at(target.host)))
