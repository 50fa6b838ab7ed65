"""The dashboard as an ASGI application: pages, the JSON API and how recording goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gemtap import __version__
from gemtap.capture.spool import Spool
from gemtap.dashboard import api, health, pages
from gemtap.dashboard.guard import HostGuard
from gemtap.recorder.drain import Progress
from gemtap.settings import Settings
from gemtap.stores.base import BadCursor, Store, StoreUnavailable

_SAFE_HEADERS = (
    # What is shown was written by models and by strangers: nothing of it may run.
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def make_dashboard(
    settings: Settings,
    store: Store,
    spool: Spool,
    progress: Progress,
    *,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """The dashboard over a store, and over the recorder that fills it."""
    app = FastAPI(title="Gemtap", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(health.make_router(store, spool, progress))
    app.include_router(api.make_router(store), prefix="/api")
    app.include_router(pages.make_router(settings, store, spool, progress))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_middleware(_SafeHeaders)
    app.add_middleware(HostGuard, allowed=settings.allowed_hosts)
    app.add_exception_handler(StoreUnavailable, _store_unavailable)
    app.add_exception_handler(BadCursor, _bad_cursor)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http_error)
    return app


class _SafeHeaders:
    """Adds the headers that keep what is shown from doing anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_SAFE_HEADERS]
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)


def error(status: int, message: str) -> JSONResponse:
    """An error as the API words it: `{"error": {"message": ...}}`."""
    return JSONResponse({"error": {"message": message}}, status)


async def _store_unavailable(request: Request, exc: Exception) -> JSONResponse:
    return error(503, f"{exc} What is captured meanwhile waits in the spool.")


async def _bad_cursor(request: Request, exc: Exception) -> JSONResponse:
    return error(400, str(exc))


async def _not_valid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    faults = [f"{each['loc'][-1]}: {each['msg'].removeprefix('Value error, ')}" for each in exc.errors()]
    return error(422, "; ".join(faults))


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    return error(exc.status_code, exc.detail)
