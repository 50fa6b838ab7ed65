"""The tap as a forward proxy: `CONNECT`, and requests with an absolute URL.

TLS is ended for the hosts of providers alone; their requests then go the usual way. Everything else is copied blindly.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache

from gemtap.addresses import mask_in, request_target
from gemtap.capture.events import RawHeaders
from gemtap.tap import headers as header_rules
from gemtap.tap.admission import Admission, key_in
from gemtap.tap.client_request import ClientRequest
from gemtap.tap.destinations import Destinations
from gemtap.tap.dialling import Endpoint, NotAdmitted
from gemtap.tap.errors import ExchangeFault, answer
from gemtap.tap.interceptor import ESTABLISHED, Connection, Interceptor
from gemtap.tap.leaves import Leaves
from gemtap.tap.proxied import Proxied, Target, is_local_name, is_loopback, is_public
from gemtap.tap.proxy_errors import bad_target, key_needed, no_forward_proxy, private_target, stranger, too_many_tunnels
from gemtap.tap.tunnel import Tunnel, TunnelSide, open_tunnel
from gemtap.tap.tunnel_counts import TunnelCounts
from gemtap.tap.upstream import BROKEN, RequestBody, Upstreams, connecting, proxy_for


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
        max_tunnels: int,
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
        self._max_tunnels = max_tunnels
        self._connect_timeout = connect_timeout
        self._interceptor = Interceptor(leaves, counts)
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
            leaf = await self._interceptor.leaf(target) if proxied is not None else None
            if proxied is None or leaf is None:
                await self._tunnel(client, target, rest)
            elif rest:
                raise bad_target("the client sent bytes before CONNECT was answered")
            elif not await self._interceptor.intercept(client, proxied, leaf):
                await self._tunnel(client, target, b"", is_established=True)
        except ExchangeFault as fault:
            client.refuse(fault)

    async def _tunnel(self, client: Connection, target: Target, rest: bytes, *, is_established: bool = False) -> None:
        try:
            far = await self._dial_within_limits(target)
        except ExchangeFault:
            if not is_established:
                raise
            # What is said on the connection now is for somebody else.
            client.transport.abort()
            return
        try:
            client.hand_over()
            near = TunnelSide()
            near.connection_made(client.transport)
            client.transport.set_protocol(near)
            if not is_established:
                client.transport.write(ESTABLISHED)
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

    async def _dial_within_limits(self, target: Target) -> TunnelSide:
        """The far side of a tunnel, which counts as open from here on. Raises ExchangeFault."""
        if self.counts.open >= self._max_tunnels:
            raise too_many_tunnels(self._max_tunnels)
        self.counts.open += 1
        try:
            return await self._dial(target)
        except BaseException:
            self.counts.open -= 1
            raise

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
