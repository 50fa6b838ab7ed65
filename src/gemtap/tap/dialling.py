"""New connections to upstreams: names resolved, TLS, and the way through an outgoing proxy."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, TypeVar
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs

from gemtap.addresses import DEFAULT_PORTS
from gemtap.tap.connection import UpstreamConnection
from gemtap.tap.response import ConnectionBroke, UpstreamSilent

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds until the next address of a name is tried beside the first: RFC 8305's recommendation."""


class CannotConnect(Exception):
    """No connection came about. The text says why, and quotes nothing that was received."""


class NotAdmitted(CannotConnect):
    """No address of the host may be connected to."""

    @classmethod
    def at(cls, host: str) -> Self:
        """With the text for a host of this machine or its network."""
        return cls(f"{host} is an address of this machine or of the local network")


_P = TypeVar("_P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host that speaks HTTP, an upstream or a proxy."""

    scheme: str
    host: str
    port: int
    user_info: bytes | None = None
    """Credentials for the proxy, `name:password`."""

    @classmethod
    def of(cls, url: str) -> Self:
        """The endpoint of a URL. Raises ValueError if it has none."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"no host in {parts.scheme}://")
        user_info = parts.netloc.rpartition("@")[0]
        return cls(
            parts.scheme.lower(),
            parts.hostname,
            parts.port or DEFAULT_PORTS[parts.scheme.lower()],
            unquote(user_info).encode("utf-8") if user_info else None,
        )

    @property
    def authority(self) -> bytes:
        """Host and port, as in a CONNECT request."""
        host = self.host if self.host.isascii() else self.host.encode("idna").decode("ascii")
        return (f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}").encode("ascii")

    @property
    def authorization(self) -> bytes | None:
        """The value of `Proxy-Authorization`, or None."""
        return b"Basic " + base64.b64encode(self.user_info) if self.user_info is not None else None


async def dial(
    upstream: Endpoint,
    proxy: Endpoint | None,
    tls: ssl.SSLContext,
    make: Callable[[], UpstreamConnection],
    admits: Callable[[str], bool] | None = None,
) -> UpstreamConnection:
    """A new connection to the upstream. Raises CannotConnect; the caller bounds the time. `admits`: see `connect`."""
    first = proxy or upstream
    connection = await connect(
        first, tls if first.scheme == "https" else None, make, admits=admits if proxy is None else None
    )
    if proxy is None or upstream.scheme != "https":
        return connection
    try:
        await _open_tunnel(connection, upstream, proxy)
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(connection.transport, connection, tls, server_hostname=upstream.host)
        except OSError as exc:
            raise CannotConnect(_in_words(exc, upstream)) from exc
        if transport is None:
            raise CannotConnect(f"{upstream.host} closed the connection")
    except BaseException:
        connection.abort()
        raise
    connection.transport = transport
    return connection


async def connect(
    endpoint: Endpoint,
    tls: ssl.SSLContext | None,
    make: Callable[[], _P],
    *,
    admits: Callable[[str], bool] | None = None,
) -> _P:
    """A connection of the protocol that `make` returns, over TLS if a context is given.

    `admits` says of an address whether it may be connected to; None admits all. Raises CannotConnect, NotAdmitted.
    """
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        if admits is not None:
            # The name is not resolved again: its owner could answer otherwise.
            addresses = [each for each in addresses if admits(str(each[4][0]))]
            if not addresses:
                raise NotAdmitted.at(endpoint.host)
        sock = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1, loop=loop
        )
        _, connection = await loop.create_connection(
            make, sock=sock, ssl=tls, server_hostname=endpoint.host if tls is not None else None
        )
    except (OSError, UnicodeError) as exc:
        raise CannotConnect(_in_words(exc, endpoint)) from exc
    return connection


async def _open_tunnel(connection: UpstreamConnection, upstream: Endpoint, proxy: Endpoint) -> None:
    lines = [b"CONNECT %s HTTP/1.1" % upstream.authority, b"host: " + upstream.authority]
    if proxy.authorization is not None:
        lines.append(b"proxy-authorization: " + proxy.authorization)
    try:
        response = connection.send(b"\r\n".join([*lines, b"", b""]), None, method=b"CONNECT", chunked=False)
        await response.head()
    except (ConnectionBroke, UpstreamSilent) as exc:
        raise CannotConnect(f"the proxy gave no answer: {exc}") from exc
    if not 200 <= response.status < 300:
        raise CannotConnect(f"the proxy answered {response.status}")


def _in_words(exc: OSError | UnicodeError, endpoint: Endpoint) -> str:
    match exc:
        case socket.gaierror() | UnicodeError():
            return f"the name {endpoint.host} cannot be resolved"
        case ssl.SSLCertVerificationError():
            return f"the certificate of {endpoint.host} is not valid ({exc.verify_message})"
        case ssl.SSLError():
            return f"no TLS connection to {endpoint.host}:{endpoint.port} ({exc.reason or 'the handshake failed'})"
        case _:
            reason = exc.strerror or (str(exc) if exc.args else type(exc).__name__)
            return f"no connection to {endpoint.host}:{endpoint.port} ({reason})"
