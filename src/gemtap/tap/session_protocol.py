"""The connection to a client that speaks WebSocket: uvicorn's protocol, made available to the session."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gemtap.tap.client_request import PROXIED
from gemtap.tap.proxied import Proxied

CONNECTION: Final = "gemtap.connection"
"""The ASGI extension under which a session finds the connection it came over."""


class SessionProtocol(WebSocketsSansIOProtocol):
    """One WebSocket of a client."""

    def __init__(self, *args: Any, proxied: Proxied | None = None, **kwargs: Any) -> None:
        """`proxied`: where the client asked the forward proxy to connect to."""
        super().__init__(*args, **kwargs)
        self._proxied = proxied

    def handle_connect(self, event: Request) -> None:
        """Make this connection available to the session."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The application's task has not begun yet.
            self.scope["extensions"][CONNECTION] = self  # type: ignore[assignment]
            if self._proxied is not None:
                self.scope["extensions"][PROXIED] = self._proxied  # type: ignore[assignment]

    def shutdown(self) -> None:
        """Let the session continue. uvicorn would end it at once; it gets the same grace period as other exchanges."""
