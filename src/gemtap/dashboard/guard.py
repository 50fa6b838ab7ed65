"""Access to the dashboard: requests for a name of this machine, and from pages of its own origin."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gemtap.origin_check import OriginCheck, is_same_origin


class HostGuard:
    """Refuses requests for a foreign host name and from foreign pages (see `gemtap.origin_check`).

    Unlike the proxy, the dashboard is called by no page but its own: another page of this machine has no business
    with what is recorded.
    """

    def __init__(self, app: ASGIApp, origin_check: OriginCheck) -> None:
        self._app = app
        self._origin_check = origin_check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (refusal := self._refusal(Headers(scope=scope))) is not None:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._origin_check.knows_host(host):
            called = f"Unknown host name {host[:200]}" if host else "The request has no Host header"
            return _refuse(421, f"{called}. Add the name to allowed_hosts, or use localhost.")
        if origin is not None and not is_same_origin(origin, host) and not self._origin_check.allows_origin(origin):
            return _refuse(403, f"The dashboard refuses requests from pages of {origin[:200]}. See allowed_origins.")
        return None


def _refuse(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message}}, status)
