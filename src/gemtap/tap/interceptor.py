"""How TLS is ended for a client that asked the forward proxy for the host of a provider."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from gemtap.tap.client_hello import ClientHello
from gemtap.tap.errors import ExchangeFault, upstream_unreachable
from gemtap.tap.grpc_hosts import GrpcHosts
from gemtap.tap.handshake import (
    Early,
    is_http2_alone,
    is_inside_tls,
    knows_http,
    note_server_name,
    noted_server_name,
    peek,
)
from gemtap.tap.leaves import Leaves
from gemtap.tap.proxied import Proxied, Target
from gemtap.tap.tunnel_counts import TunnelCounts

if TYPE_CHECKING:
    from gemtap.interception.authority import Leaf

_log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds from the answer to CONNECT to the end of the TLS handshake."""

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"


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

    def inside_http2(self, proxied: Proxied, tunnels_grpc: Callable[[], bool]) -> asyncio.Protocol:
        """The same for HTTP/2; `tunnels_grpc`: see `Http2Connection`."""


class Interceptor:
    """Ends TLS, or says why not."""

    def __init__(self, leaves: Leaves, counts: TunnelCounts) -> None:
        self._leaves = leaves
        self._counts = counts
        self._grpc_hosts = GrpcHosts()
        self._say_once = lru_cache(maxsize=256)(_log.info)

    async def leaf(self, target: Target) -> Leaf | None:
        """The certificate for a provider's host; None if there is none, which is said. Raises ExchangeFault."""
        if "." not in target.host:
            return None
        try:
            return await self._leaves.of(target.host)
        except OSError as exc:
            message = f"Gemtap cannot read or make its authority: {exc.strerror}. See `gemtap ca show`."
            raise upstream_unreachable(target.origin, message) from exc
        except Exception as exc:
            # Importing what it is a class of takes 0.1 s, so that it is not named here.
            self._say_once(f"{target.host} is not recorded: {exc}")
            return None

    async def intercept(self, client: Connection, proxied: Proxied, leaf: Leaf) -> bool:
        """Answer CONNECT, and end TLS. False if the client does not speak what can be read: it needs a tunnel."""
        transport, host = client.transport, proxied.target.host
        transport.write(ESTABLISHED)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                hello = await peek(transport)
        except (TimeoutError, OSError):
            transport.abort()
            return True
        if hello is None or not knows_http(hello):
            what = "speaks no TLS" if hello is None else f"offers only {_shown(hello)}"
            self._say_once(f"A client that {what} is connected to {host} unrecorded: Gemtap reads HTTP over TLS.")
            return False
        if is_http2_alone(hello) and self._grpc_hosts.has(host):
            return False
        await self._end_tls(client, proxied, leaf, hello)
        return True

    async def _end_tls(self, client: Connection, proxied: Proxied, leaf: Leaf, hello: ClientHello) -> None:
        host = proxied.target.host
        early = Early()
        client.hand_over()
        client.connections.add(early)
        try:
            transport, tls = await _handshake(client.transport, early, leaf)
            is_http2 = tls.selected_alpn_protocol() == "h2"
            if is_http2:
                await asyncio.to_thread(_import_http2)  # it takes 30 ms at the first time, in which streams would wait
        except (OSError, asyncio.InvalidStateError) as exc:
            client.transport.abort()
            reason = getattr(exc, "reason", None) or type(exc).__name__
            self._say_once(
                f"A client ended its TLS handshake with {host} ({reason}). If it does not trust "
                "Gemtap's authority, start it with `gemtap run`, or see `gemtap ca trust`."
            )
            if is_http2_alone(hello):
                self._grpc_hosts.add(host)
            return
        finally:
            client.connections.discard(early)
        self._counts.intercepted += 1
        proxied = replace(proxied, sni=hello.server_name or noted_server_name(tls))
        if is_http2:
            inside = client.inside_http2(proxied, partial(self._tunnels_grpc, host, hello))
        else:
            inside = client.inside(proxied)
        transport.set_protocol(inside)
        inside.connection_made(transport)
        early.pass_on(inside)

    def _tunnels_grpc(self, host: str, hello: ClientHello) -> bool:
        """A client speaks gRPC. Returns whether its next connection will be a tunnel."""
        if not is_http2_alone(hello):
            self._say_once(f"A gRPC client of {host} is refused: Gemtap does not forward gRPC. Use its REST transport.")
            return False
        self._grpc_hosts.add(host)
        self._say_once(f"A gRPC client is connected to {host} unrecorded: Gemtap does not read gRPC.")
        return True


def _shown(hello: ClientHello) -> str:
    return b", ".join(hello.protocols).decode("latin-1")[:50]


async def _handshake(
    transport: asyncio.Transport, protocol: asyncio.Protocol, leaf: Leaf
) -> tuple[asyncio.Transport, ssl.SSLObject]:
    """What to write to from here on, and the TLS that was agreed on. Raises OSError, InvalidStateError."""
    if is_inside_tls(transport):
        leaf.context.sni_callback = note_server_name
    upgraded = await asyncio.get_running_loop().start_tls(
        transport, protocol, leaf.context, server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
    )
    tls: ssl.SSLObject | None = upgraded.get_extra_info("ssl_object") if upgraded is not None else None
    if upgraded is None or tls is None or tls.version() is None:
        # The event loop is silent about a client that leaves in the middle of the handshake.
        raise ConnectionResetError
    return upgraded, tls


def _import_http2() -> None:
    import gemtap.tap.http2.connection  # noqa: F401 - it is looked up by `inside_http2`
