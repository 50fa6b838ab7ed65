"""Lets nobody in without an access key, once there are any: people by a session cookie, programs by `Authorization`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gemtap.dashboard.access_rules import Rule, rule_of
from gemtap.dashboard.errors import FOR_PROGRAMS, error
from gemtap.dashboard.render import Render
from gemtap.dashboard.scope import NOBODY, Session, as_session
from gemtap.dashboard.sessions import COOKIE, Attempts, DashboardAccess, Sessions
from gemtap.dashboard.token import BY_KEY

_FROM_HERE: Final = ("same-origin", "none")


class AccessGuard:
    """Finds out who asks, and refuses what is not open to them."""

    def __init__(
        self,
        app: ASGIApp,
        access: DashboardAccess,
        sessions: Sessions,
        attempts: Attempts,
        render: Render,
    ) -> None:
        self._app = app
        self._access = access.keys
        self._sessions = sessions
        self._attempts = attempts
        self._render = render
        self._trusted_fronts = access.trusted_fronts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on for whoever asks, or refuse it."""
        if scope["type"] != "http" or not self._access.is_on:
            await self._app(scope, receive, send)
            return
        rule = rule_of(scope["path"])
        session, refusal = self._session_of(scope)
        if rule is not Rule.PUBLIC and refusal is None:
            if session is None:
                refusal = self._unknown(scope)
            elif rule is Rule.ADMIN and not session.user.is_admin:
                with as_session(session):
                    refusal = await self._forbidden(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        with as_session(session or NOBODY):
            await self._app(scope, receive, send)

    def _session_of(self, scope: Scope) -> tuple[Session | None, Response | None]:
        """The session, or the refusal of who has tried too often."""
        headers = Headers(scope=scope)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            session = self._sessions.of_key(key.strip().encode("utf-8", "surrogateescape"))
            if session is not None:
                scope[BY_KEY] = True
                return session, None
            address = address_of(scope, self._trusted_fronts)
            wait = self._attempts.wait_of(address)
            self._attempts.failed(address)
            return None, too_many(wait) if wait else None
        # A cookie that another site's page makes a browser send opens nothing. SameSite says so too.
        if headers.get("sec-fetch-site", "none") not in _FROM_HERE and headers.get("sec-fetch-mode") != "navigate":
            return None, None
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return (self._sessions.of_cookie(cookie) if cookie else None), None

    def _unknown(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if path.startswith(FOR_PROGRAMS) or scope["method"] not in ("GET", "HEAD"):
            answer = error(401, "This needs an access key: Authorization: Bearer gt_... (docs/access.md).")
            answer.headers["www-authenticate"] = 'Bearer realm="Gemtap"'
            return answer
        query = scope["query_string"].decode("latin-1")
        here = path + ("?" + query if query else "")
        headers = {"cache-control": "no-store"}
        return RedirectResponse("/signin?next=" + quote(here, safe="/"), 303, headers=headers)

    async def _forbidden(self, scope: Scope) -> Response:
        message = "Only admins may see this. `gemtap keys add NAME --role admin` makes one."
        if scope["path"].startswith(FOR_PROGRAMS):
            return error(403, message)
        context = {"heading": "Not allowed", "message": message, "query": "", "kept": {}}
        return await self._render(Request(scope), "error.html", context, status=403)


def address_of(scope: Scope, trusted_fronts: Collection[str]) -> str:
    """The address of whoever asks, as a trusted front tells it."""
    address: str = scope["client"][0] if scope.get("client") else ""
    if address in trusted_fronts:
        told = Headers(scope=scope).get("x-forwarded-for", "").rpartition(",")[2].strip()
        return told or address
    return address


def too_many(wait: int) -> Response:
    """The refusal of an address that has failed too often."""
    answer = error(429, f"There were too many attempts with a wrong access key. Try again in {wait} s.")
    answer.headers["retry-after"] = str(wait)
    return answer
