"""The dashboard as an ASGI application: pages, JSON API and health."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gemtap import __version__
from gemtap.capture.backlog import Backlog
from gemtap.capture.spool import Spool
from gemtap.dashboard import (
    analytics,
    api,
    api_annotations,
    api_events,
    api_exports,
    api_found,
    api_keys,
    api_limits,
    api_replays,
    api_searches,
    api_statistics,
    comparing,
    health,
    health_page,
    keys_page,
    limits_page,
    live,
    pages,
    provider_colours,
    reading,
    sign_in,
    thread_pages,
)
from gemtap.dashboard.access_guard import AccessGuard
from gemtap.dashboard.access_keys import KeyKeeping
from gemtap.dashboard.api_replays import Replaying
from gemtap.dashboard.environment import Site
from gemtap.dashboard.errors import add_error_handlers
from gemtap.dashboard.guard import HostGuard
from gemtap.dashboard.health_state import Health
from gemtap.dashboard.in_flight import InFlight, ReadCapture, ThreadsOf
from gemtap.dashboard.limits import Limiting
from gemtap.dashboard.render import Render
from gemtap.dashboard.scope import ScopedStore
from gemtap.dashboard.sessions import Attempts, DashboardAccess, Sessions
from gemtap.dashboard.token import TokenGuard, make_token
from gemtap.origin_check import OriginCheck
from gemtap.recorder.progress import Progress
from gemtap.settings import Settings, address_of
from gemtap.stores.base import Store
from gemtap.workers import Workers

_SAFE_HEADERS = (
    # Pages show content that models and strangers wrote. Nothing of it may run.
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: browsers would send forms with `Origin: null`.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def make_dashboard(
    settings: Settings,
    store: Store,
    spool: Spool,
    progress: Progress,
    *,
    read_capture: ReadCapture,
    workers: Workers,
    replays: Replaying | None = None,
    threads_of: ThreadsOf | None = None,
    access: DashboardAccess | None = None,
    limiting: Limiting | None = None,
    key_keeping: KeyKeeping | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> ASGIApp:
    """The dashboard over a store, and over the recorder that fills it: `read_capture` is how that reads a capture,
    `workers` make the pages of recorded content, `replays` sends requests again, `threads_of` tells which threads
    exchanges in flight continue, `limiting` counts limits, and `key_keeping` changes access keys. Without `access`,
    everything is open to everybody."""

    store = ScopedStore(store)
    backlog = Backlog(spool)

    async def look() -> Health:
        return await health.look(store, spool, backlog, progress)

    token = make_token()
    render = Render(Site(address_of(settings), token), workers)
    in_flight = InFlight(spool, read_capture, threads_of=threads_of)
    app = FastAPI(title="Gemtap", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    for router in (
        api.make_router(store),
        api_annotations.make_router(store),
        api_events.make_router(store),
        api_exports.make_router(store, workers),
        api_found.make_router(store, workers),
        api_searches.make_router(store),
        api_statistics.make_router(store),
        live.make_router(store, in_flight, look),
    ):
        app.include_router(router, prefix="/api")
    if replays is not None:
        app.include_router(api_replays.make_router(replays, store), prefix="/api")
    app.include_router(provider_colours.make_router())
    app.include_router(health.make_router(look))
    app.include_router(pages.make_router(render, settings, store, in_flight, look))
    app.include_router(reading.make_router(render, settings, store, in_flight, look, replays))
    app.include_router(analytics.make_router(render, store, look))
    app.include_router(comparing.make_router(render, store, look))
    app.include_router(thread_pages.make_router(render, store, in_flight, look))
    app.include_router(health_page.make_router(render, store, look))
    if limiting is not None:
        app.include_router(api_limits.make_router(limiting), prefix="/api")
        app.include_router(limits_page.make_router(render, store, look, limiting))
    if key_keeping is not None:
        app.include_router(api_keys.make_router(key_keeping), prefix="/api")
        app.include_router(keys_page.make_router(render, store, look, key_keeping))
    app.mount("/static", _Static(directory=Path(__file__).parent / "static"))
    add_error_handlers(app, render, look)
    # They wrap the application: as middleware they would miss FastAPI's answers to unexpected errors.
    origin_check = OriginCheck((settings.host, *settings.allowed_hosts), settings.allowed_origins)
    guarded: ASGIApp = TokenGuard(app, token)
    if access is not None:
        attempts = Attempts()
        sessions = Sessions(access.keys, access.secret)
        app.include_router(sign_in.make_router(render, store, sessions, attempts, access))
        if access.openid is not None:
            from gemtap.dashboard import openid_sign_in  # it needs the extra `oidc`

            app.include_router(openid_sign_in.make_router(render, store, sessions, attempts, access, access.openid))
        guarded = AccessGuard(guarded, access, sessions, attempts, render)
    return _SafeHeaders(HostGuard(guarded, origin_check))


class _Static(StaticFiles):
    """Static files that browsers revalidate, since each version of Gemtap serves other files under the same names."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class _SafeHeaders:
    """Adds security headers to every response that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                added = [header for header in _SAFE_HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)
