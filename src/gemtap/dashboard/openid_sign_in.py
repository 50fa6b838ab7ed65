"""The two steps of signing in by OpenID Connect: to the other server, and back."""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from gemtap.dashboard.access_guard import address_of, too_many
from gemtap.dashboard.openid import FLOW_COOKIE, FLOW_SECONDS, OpenId, SignInFailed
from gemtap.dashboard.render import Render
from gemtap.dashboard.sessions import Attempts, DashboardAccess, Sessions
from gemtap.dashboard.sign_in import begin_session, note, own_path
from gemtap.incident import IncidentKind
from gemtap.stores.base import Store

_log = logging.getLogger(__name__)

_BELOW = "/signin/openid"
"""Where the cookie of a flow is sent."""


def make_router(
    render: Render, store: Store, sessions: Sessions, attempts: Attempts, access: DashboardAccess, openid: OpenId
) -> APIRouter:
    """The routes `/signin/openid` and `/signin/openid/callback`."""
    router = APIRouter(include_in_schema=False)

    async def form(request: Request, message: str, where: str, status: int) -> Response:
        context = {"next": where, "message": message, "openid": openid.name}
        answer = await render(request, "signin.html", context, status=status)
        answer.delete_cookie(FLOW_COOKIE, path=_BELOW)
        return answer

    async def refused(request: Request, message: str, where: str, address: str) -> Response:
        attempts.failed(address)
        await note(store, IncidentKind.SIGN_IN_REFUSED, f"{message} From {address}.", None)
        return await form(request, message, where, 401)

    @router.get("/signin/openid")
    async def begin(request: Request) -> Response:
        """Send the browser to the other server."""
        address = address_of(request.scope, access.trusted_fronts)
        if wait := attempts.wait_of(address):
            return too_many(wait)
        where = own_path(request.query_params.get("next", "/"))
        callback = f"{'https' if access.secure else 'http'}://{request.headers['host']}{_BELOW}/callback"
        try:
            begun = await asyncio.to_thread(openid.begin, callback, where)
        except SignInFailed as exc:
            _log.warning("%s", exc)
            return await form(request, str(exc), where, 502)
        answer = RedirectResponse(begun.url, 303, headers={"cache-control": "no-store"})
        # Not `strict`: the other server sends the browser back.
        answer.set_cookie(
            FLOW_COOKIE,
            begun.cookie,
            max_age=FLOW_SECONDS,
            path=_BELOW,
            httponly=True,
            samesite="lax",
            secure=access.secure,
        )
        return answer

    @router.get("/signin/openid/callback")
    async def finish(request: Request) -> Response:
        """Begin a session for whom the other server has named."""
        address = address_of(request.scope, access.trusted_fronts)
        if wait := attempts.wait_of(address):
            return too_many(wait)
        cookie = request.cookies.get(FLOW_COOKIE, "")
        try:
            name, where = await asyncio.to_thread(openid.finish, cookie, request.query_params)
        except SignInFailed as exc:
            _log.warning("%s", exc)
            return await refused(request, str(exc), "/", address)
        user = access.keys.table.user_named(name, time.time())
        if user is None:
            message = f"{name[:100]} has no access key that is valid. Whoever runs this Gemtap makes one."
            return await refused(request, message, where, address)
        message = f"{user.name} signed in with {openid.name}, from {address}."
        await note(store, IncidentKind.SIGNED_IN, message, user.name)
        # A page and not a redirect: the session's cookie is not sent with what another site has begun.
        answer = await render(request, "signed_in.html", {"where": where})
        answer.headers["cache-control"] = "no-store"
        answer.delete_cookie(FLOW_COOKIE, path=_BELOW)
        begin_session(answer, sessions, user, secure=access.secure)
        return answer

    return router
