"""The sign-in page: an access key for a session cookie."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gemtap.access.keys import User
from gemtap.dashboard.access_guard import address_of, too_many
from gemtap.dashboard.render import Render
from gemtap.dashboard.scope import current_user
from gemtap.dashboard.sessions import COOKIE, SECONDS, Attempts, DashboardAccess, Sessions
from gemtap.incident import IncidentKind, event
from gemtap.stores.base import Store, StoreError

_log = logging.getLogger(__name__)

_LONGEST: Final = 4096
"""Bytes of the form."""


def make_router(
    render: Render, store: Store, sessions: Sessions, attempts: Attempts, access: DashboardAccess
) -> APIRouter:
    """The routes `/signin` and `/signout`."""
    secure = access.secure
    other = "" if access.openid is None else access.openid.name
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/signin")
    async def page(request: Request) -> Response:
        """The form."""
        context = {"next": own_path(request.query_params.get("next", "/")), "message": "", "openid": other}
        return await render(request, "signin.html", context)

    @router.post("/signin")
    async def sign_in(request: Request) -> Response:
        """Begin a session with an access key."""
        address = address_of(request.scope, access.trusted_fronts)
        wait = attempts.wait_of(address)
        if wait:
            return too_many(wait)
        form = await _form(request)
        session = sessions.of_key(form.get("key", "").strip().encode())
        where = own_path(form.get("next", "/"))
        if session is None:
            attempts.failed(address)
            await note(store, IncidentKind.SIGN_IN_REFUSED, f"A wrong access key was given, from {address}.", None)
            message = "This access key is not valid: it is unknown, revoked or expired."
            context = {"next": where, "message": message, "openid": other}
            return await render(request, "signin.html", context, status=401)
        name = session.user.name
        await note(store, IncidentKind.SIGNED_IN, f"{name} signed in, from {address}.", name)
        answer = RedirectResponse(where, 303, headers={"cache-control": "no-store"})
        begin_session(answer, sessions, session.user, secure=secure)
        return answer

    @router.post("/signout")
    async def sign_out(request: Request) -> Response:
        """Forget the cookie."""
        user = current_user()
        if user is not None and user.name:
            await note(store, IncidentKind.SIGNED_OUT, f"{user.name} signed out.", user.name)
        answer = RedirectResponse("/signin", 303, headers={"cache-control": "no-store"})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    return router


def begin_session(answer: Response, sessions: Sessions, user: User, *, secure: bool) -> None:
    """Give a browser the cookie of a new session. `secure`: it is sent by TLS only."""
    answer.set_cookie(COOKIE, sessions.begin(user), max_age=SECONDS, httponly=True, samesite="strict", secure=secure)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    return {name: values[0] for name, values in fields.items()}


def own_path(path: str) -> str:
    """The path of a page of this dashboard, and of no other site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


async def note(store: Store, kind: IncidentKind, message: str, user: str | None) -> None:
    """Put it among the events."""
    try:
        await store.incidents.put([event(kind, message, user)])
    except StoreError as exc:
        # An outage of the store keeps nobody out.
        _log.warning("Not among the events: %s (%s)", message, exc)
