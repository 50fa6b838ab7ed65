"""Protection against forged requests: requests that change something need the token of this desk's pages.

Every page of the dashboard has it in `<meta name="gemtap-token">`. Pages of others cannot read it: they are of another
origin. It is new with every start.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gemtap.dashboard.errors import error
from gemtap.origin_check import is_same_origin

HEADER: Final = "x-gemtap-token"

BY_KEY: Final = "gemtap.by_key"
"""In the scope of requests with an access key in `Authorization`, which no page of others can send."""

_FORMS: Final = ("/signin", "/signout")
"""Forms that work without JavaScript. They change nothing but who is signed in."""

_READING: Final = ("GET", "HEAD", "OPTIONS")


def make_token() -> str:
    """A token for the lifetime of the desk's process."""
    return secrets.token_urlsafe(24)


class TokenGuard:
    """Refuses requests that may change something unless they carry the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] not in _READING:
            refusal = self._refusal(scope)
            if refusal is not None:
                await error(403, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and not is_same_origin(origin, headers.get("host", "")):
            return f"Nothing can be changed from pages of {origin[:200]}."
        if scope.get(BY_KEY) or scope["path"] in _FORMS:
            return None
        if not hmac.compare_digest(headers.get(HEADER, "").encode("utf-8"), self._token):
            return f"The header {HEADER} has no valid token. Gemtap was restarted: reload the page."
        return None
