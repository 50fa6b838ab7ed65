"""Who may speak to the dashboard: browsers that were led here by a name of this machine, and nobody's else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST: Final = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
"""What a Host header may be (RFC 9110, section 7.2): a name or an address, and perhaps a port."""


class HostGuard:
    """Refuses requests under a foreign name.

    A page of a stranger can make its own name point to 127.0.0.1 and read what is served here (DNS rebinding). It
    needs a name for it: addresses and `localhost` are always this machine's own.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        """`allowed`: further host names; a port makes no difference."""
        self._app = app
        self._allowed = {_without_port(host).lower() for host in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            if not self._is_allowed(host):
                called = f"Gemtap is not known as {host[:200]}" if host else "The request names no host"
                message = f"{called}. Add the name to allowed_hosts, or use localhost."
                await JSONResponse({"error": {"message": message}}, 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        name = _without_port(host).lower()
        return name in self._allowed or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _without_port(host: str) -> str:
    found = _HOST.fullmatch(host)
    return found["address"] or found["name"] if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
