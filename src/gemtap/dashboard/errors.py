"""What goes wrong, in one sentence: as JSON to programs, as a page to people."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gemtap.dashboard.render import Look, Render
from gemtap.stores.annotations import BadAnnotation
from gemtap.stores.base import BadCursor, StoreError

_FOR_PROGRAMS: Final = ("/api/", "/healthz", "/readyz", "/openapi.json")
"""What answers in JSON. People come to everything else."""


def error(status: int, message: str) -> JSONResponse:
    """An error as the API words it: `{"error": {"message": ...}}`."""
    return JSONResponse({"error": {"message": message}}, status, headers={"cache-control": "no-store"})


def add_error_handlers(app: FastAPI, render: Render, look: Look) -> None:
    """Let the application answer every error so."""

    async def answer(request: Request, exc: Exception) -> Response:
        status, message = _describe(exc)
        if request.url.path.startswith(_FOR_PROGRAMS):
            return error(status, message)
        # Whoever made a mistake in a query mends it where it was made.
        context: dict[str, Any] = {"message": message, "query": request.query_params.get("q", ""), "kept": {}}
        # Whatever is wrong with it is perhaps what this page is about.
        with contextlib.suppress(Exception):
            context["health"] = await look()
        return await render(request, "error.html", context, status=status)

    for kind in (BadCursor, BadAnnotation, StoreError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def _describe(exc: Exception) -> tuple[int, str]:
    match exc:
        case BadCursor():
            return 400, str(exc)
        case BadAnnotation():
            return 422, str(exc)
        case StoreError():
            return 503, f"{exc} What is captured meanwhile waits in the spool."
        case RequestValidationError():
            return 422, "; ".join(
                f"{each['loc'][-1]}: {each['msg'].removeprefix('Value error, ')}" for each in exc.errors()
            )
        case HTTPException():
            return exc.status_code, exc.detail
        case _:
            return 500, "Gemtap has made a mistake. The log of `gemtap serve` says which."
