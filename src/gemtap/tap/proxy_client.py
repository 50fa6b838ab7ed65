"""The connection to a client that may use the tap as a forward proxy: what it asks for, and how TLS is ended on it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gemtap.tap.client_request import ClientRequest
from gemtap.tap.errors import ExchangeFault
from gemtap.tap.forward_proxy import ForwardProxy
from gemtap.tap.proxied import Proxied, Target, absolute_form, is_local_name
from gemtap.tap.proxy_errors import bad_target
from gemtap.tap.session_protocol import SessionProtocol


class Forwards(Protocol):
    """The application, as far as it forwards requests."""

    forward_proxy: ForwardProxy

    def is_forwarded(self, path: bytes) -> bool:
        """Whether a raw path is not one of the tap's own."""

    def forward(self, request: ClientRequest) -> Coroutine[Any, Any, None]:
        """Carry one exchange from its first byte to its last."""


class ProxyClient(HttpToolsProtocol):
    """The part of a connection that serves the forward proxy."""

    cycle: RequestResponseCycle | ClientRequest | None  # type: ignore[assignment]  # uvicorn's own, or ours
    """The request that has arrived last."""
    _forwards: Forwards
    _stop: Callable[[], object] | None
    """Stops what is under way once the client has left: an exchange, or the opening of a tunnel."""
    _offers_upgrade: bool
    """The request that arrives offers to change the protocol, which is not taken up."""
    _head_timer: asyncio.TimerHandle | None
    _half_closed: asyncio.TimerHandle | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proxied: Proxied | None = None
        """Whose TLS was ended here, for a client of the forward proxy."""
        self._tunnel_to: Target | None = None
        """Where a CONNECT is to lead."""

    @abstractmethod
    def _request(self, path: bytes, query: bytes, proxied: Proxied | None) -> ClientRequest:
        """The request whose head has arrived."""

    @abstractmethod
    def _begin(self, request: ClientRequest) -> None:
        """Forward a request in its turn."""

    @abstractmethod
    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer with an error, and close."""

    def _is_for_the_forward_proxy(self) -> bool:
        """Take a request whose target is no path. False leaves it to whoever takes the others."""
        forward_proxy = self._forwards.forward_proxy
        is_connect = self.parser.get_method() == b"CONNECT"
        found = absolute_form(self.url)
        target = Target.of(self.url, "https") if is_connect else found and found[0]
        if target is None or self.proxied is not None or (is_connect and not self.url.rpartition(b":")[2].isdigit()):
            if not is_connect and found is None:
                return False  # OPTIONS *
            self.refuse(bad_target("its target is no host and port, or it is inside of a tunnel"))
            return True
        if found is not None and self._is_own(target):
            self.url = found[1]
            return False
        if (fault := forward_proxy.not_admitted(self.client, self.headers)) is not None:
            self.refuse(fault)
        elif found is None:
            self._tunnel_to = target
        elif self._offers_upgrade and self._should_upgrade():
            self.refuse(bad_target("a WebSocket without CONNECT"))
        else:
            path, _, query = found[1].partition(b"?")
            proxied = forward_proxy.proxied(target, self.headers)
            request = self._request(path, query, proxied)
            if proxied is None:
                request.passed_on_to = target
            self._begin(request)
            if not self._offers_upgrade:
                self.headers = []
        return True

    def _is_own(self, target: Target) -> bool:
        return self.server is not None and target.port == self.server[1] and is_local_name(target.host)

    def _connect(self, target: Target, rest: bytes) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.refuse(bad_target("CONNECT before the answer to an earlier request"))
            return
        serving = self._forwards.forward_proxy.connect(self, target, self.headers, rest)
        task = self.loop.create_task(serving)
        self._stop = task.cancel
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def refuse(self, fault: ExchangeFault) -> None:
        """Answer with an error, and close."""
        self._refuse(fault.status, fault.code, fault.message)

    def hand_over(self) -> None:
        """Take no more part in what happens on the transport."""
        self._stop = None
        self.connections.discard(self)
        for timer in (self._head_timer, self._half_closed, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()

    def inside(self, proxied: Proxied) -> ProxyClient:
        """A protocol for the requests inside of the tunnel, whose TLS was ended."""
        inner = type(self)(
            config=self.config, server_state=self.server_state, app_state=self.app_state, _loop=self.loop
        )
        inner.proxied = proxied
        inner._forwards = _Everything(self._forwards)
        inner.ws_protocol_class = partial(SessionProtocol, proxied=proxied)  # type: ignore[assignment]  # makes one
        return inner

    def inside_http2(self, proxied: Proxied, tunnels_grpc: Callable[[], bool]) -> asyncio.Protocol:
        """The same for HTTP/2; `tunnels_grpc`: see `Http2Connection`."""
        from gemtap.tap.http2.connection import Http2Connection

        return Http2Connection(
            self._forwards.forward,
            self.server_state,
            proxied,
            idle_timeout=self.timeout_keep_alive,
            tunnels_grpc=tunnels_grpc,
        )


class _Everything:
    """The application for a provider's host: no path there is one of the tap's own."""

    def __init__(self, forwards: Forwards) -> None:
        self.forward = forwards.forward
        self.forward_proxy = forwards.forward_proxy

    def is_forwarded(self, path: bytes) -> bool:
        return True
