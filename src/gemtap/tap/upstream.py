"""The upstream side: one aiohttp session that adds nothing of its own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gemtap.settings import BadProxy
from gemtap.tap.errors import bad_proxy, upstream_disconnected, upstream_timeout, upstream_unreachable

REPEATABLE_BODY: Final = 2**20
"""Bytes of a request's body that are kept for sending it a second time."""

REPEAT_WITHIN: Final = 1.0
"""Seconds after sending in which a reused connection that breaks was dead before: no request has been worked on."""

# Headers of upstreams may be longer than aiohttp's 8 KB a line: signed URLs, security policies, cookies.
_MAX_LINE: Final = 256 * 1024
_MAX_HEADERS: Final = 1024


class BrokenConnection(aiohttp.ClientError):
    """The connection broke. aiohttp sends a GET again when it sees its own kind of this; it knows nothing of ours."""

    def __init__(self, cause: Exception, *, reused: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.reused = reused
        """An earlier exchange had used it before."""


class _Request(aiohttp.ClientRequest):
    """A request that knows what its connection is."""

    over_new_connection = False


class _Connector(aiohttp.TCPConnector):
    """Connections, each kept for the next request. aiohttp's tracing could tell the same at ten times the cost."""

    async def _create_connection(self, req: aiohttp.ClientRequest, *args: Any) -> Any:
        assert isinstance(req, _Request)
        req.over_new_connection = True
        return await super()._create_connection(req, *args)


async def _no_repeats(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        assert isinstance(request, _Request)
        raise BrokenConnection(exc, reused=not request.over_new_connection) from exc


class RequestBody:
    """The client's body, piece by piece as it arrives; its beginning is kept for sending it again."""

    def __init__(self, read: Callable[[], Awaitable[tuple[bytes, bool]]]) -> None:
        """`read` gives the next piece, and whether more follow."""
        self._read = read
        self._kept: list[bytes] = []
        self._size = 0
        self.complete = False

    @property
    def repeatable(self) -> bool:
        """Whether iterating again gives the whole body again."""
        return self._size <= REPEATABLE_BODY

    async def whole(self) -> bytes | None:
        """The body if a single piece is all of it, as with most requests; else None, and it is there to iterate."""
        piece = await self._next()
        self._kept = [piece]
        return piece if self.complete else None

    async def _next(self) -> bytes:
        piece, more = await self._read()
        self._size += len(piece)
        self.complete = not more
        if self.repeatable:
            self._kept.append(piece)
        else:
            self._kept.clear()
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces: those that are kept, then those that are still to come."""
        for piece in list(self._kept):
            if piece:
                yield piece
        while not self.complete:
            piece = await self._next()
            if piece:
                yield piece


class Upstreams:
    """The way to every upstream. Use as an async context manager."""

    def __init__(
        self, *, connect_timeout: float, silence_timeout: float, proxy_of: Callable[[str], str | None]
    ) -> None:
        """`proxy_of` gives the URL of the proxy through which an upstream is reached, if it is."""
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=silence_timeout)
        self._proxy_of = proxy_of
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=60),
            request_class=_Request,
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            max_headers=_MAX_HEADERS,
            middlewares=(_no_repeats,),
            # Not trust_env: it would also add Authorization from ~/.netrc. Proxies come from the settings.
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, upstream: str, method: str, target: str, headers: list[tuple[str, str]], body: bytes | RequestBody | None
    ) -> aiohttp.ClientResponse:
        """Send a request and return when the answer's head is here. Raises ExchangeFault.

        `target` is the raw path and query. A body of bytes is sent as it is, a RequestBody as it arrives.
        """
        assert self._session is not None
        url = URL(upstream + target, encoded=True)
        sent_at = time.monotonic()
        try:
            try:
                return await self._attempt(upstream, method, url, headers, body)
            except BrokenConnection as exc:
                if not _may_repeat(exc, body, time.monotonic() - sent_at):
                    raise
            # Let the task that was writing the body end before its rest is read for the second time.
            await asyncio.sleep(0)
            return await self._attempt(upstream, method, url, headers, body)
        except BadProxy as exc:
            raise bad_proxy(upstream, str(exc)) from exc
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as exc:
            raise upstream_unreachable(upstream, describe(exc)) from exc
        except (TimeoutError, aiohttp.ClientError) as exc:
            raise self.fault(upstream, exc) from exc

    async def _attempt(
        self,
        upstream: str,
        method: str,
        url: URL,
        headers: list[tuple[str, str]],
        body: bytes | RequestBody | None,
    ) -> aiohttp.ClientResponse:
        assert self._session is not None
        return await self._session.request(
            method,
            url,
            headers=CIMultiDict(headers),
            data=body,
            allow_redirects=False,
            proxy=self._proxy_of(upstream),
        )

    def fault(self, upstream: str, exc: Exception) -> Exception:
        """What broke a request or an answer that was under way, as an ExchangeFault."""
        if isinstance(exc, TimeoutError):
            return upstream_timeout(upstream, self._timeout.sock_read or 0)
        return upstream_disconnected(upstream, describe(exc))


def _may_repeat(exc: BrokenConnection, body: bytes | RequestBody | None, elapsed: float) -> bool:
    """Whether a request may be sent once more: on a reused connection that was dead already, and nowhere else."""
    cause = exc.__cause__
    # A head that has begun to arrive comes along as the error's message.
    answered = isinstance(cause, aiohttp.ServerDisconnectedError) and not isinstance(cause.message, str)
    small = body.repeatable if isinstance(body, RequestBody) else len(body or b"") <= REPEATABLE_BODY
    return exc.reused and not answered and small and elapsed < REPEAT_WITHIN


def _without_quotes(message: str) -> str:
    """The first line of a message of aiohttp's, up to where it quotes what the upstream has sent."""
    lines = [line for line in message.splitlines() if line.strip() and not line.strip().rstrip(":").endswith("message")]
    return _QUOTED.split(lines[0], maxsplit=1)[0].strip(" :") if lines else "its head cannot be read"


_QUOTED: Final = re.compile(r"[\"'`]|\bb[\"']|:\s*$")


def describe(exc: BaseException) -> str:
    """An aiohttp error in words. URLs stay out of it: their query may hold a credential."""
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return f"the name {exc.host} cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {exc.host} is not valid ({exc.certificate_error})"
        case aiohttp.ClientConnectorError():
            return f"no connection to {exc.host}:{exc.port} ({exc.os_error.strerror or exc.os_error})"
        case aiohttp.ConnectionTimeoutError():
            return "the connection did not come about in time"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {exc.status}"
        case aiohttp.ClientResponseError():
            return f"the answer is not valid HTTP ({_without_quotes(exc.message)})"
        case BrokenConnection() if isinstance(exc.__cause__, aiohttp.ClientOSError):
            return exc.__cause__.strerror or "the connection broke"
        case BrokenConnection() | aiohttp.ServerDisconnectedError():
            return "the connection was closed"
        case aiohttp.ClientPayloadError():
            return "the body is not complete"
        case _:
            return type(exc).__name__
