"""Errors in one sentence: JSON for programs, a page for people."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gemtap.dashboard.render import Look, Render
from gemtap.faults import sentence_of
from gemtap.stores.annotations import BadAnnotation
from gemtap.stores.base import BadCursor, IntervalTooFine, QueryTooSlow, StoreError
from gemtap.stores.saved_searches import BadSearch
from gemtap.stores.sorting import NotSortable

FOR_PROGRAMS: Final = ("/api/", "/healthz", "/readyz", "/openapi.json")
"""Paths that answer in JSON. All others answer with pages."""

_NO_ROUTE: Final = "Not Found"
"""What Starlette says where no route matches."""

_OF_QUERY: Final = "q: "
"""How messages about the query in the URL begin."""


def error(status: int, message: str) -> JSONResponse:
    """An error of the JSON API: `{"error": {"message": ...}}`."""
    return JSONResponse({"error": {"message": message}}, status, headers={"cache-control": "no-store"})


def add_error_handlers(app: FastAPI, render: Render, look: Look) -> None:
    """Install the error handlers."""

    async def answer(request: Request, exc: Exception) -> Response:
        status, message = _describe(exc)
        if request.url.path.startswith(FOR_PROGRAMS):
            return error(status, message)
        heading = "Not found" if status == 404 else "This page cannot be shown"
        if message == _NO_ROUTE:
            message = "There is no page at this address."
        if status == 422 and message.startswith(_OF_QUERY):
            # It can be corrected in the search field of this page.
            heading, message = "Invalid query", message.removeprefix(_OF_QUERY)
        context: dict[str, Any] = {
            "heading": heading,
            "message": message,
            "query": request.query_params.get("q", ""),
            "kept": {},
        }
        # The store may be the cause of the error.
        with contextlib.suppress(Exception):
            context["health"] = await look()
        return await render(request, "error.html", context, status=status)

    refused = (BadCursor, BadAnnotation, BadSearch, NotSortable)
    for kind in (*refused, StoreError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def _describe(exc: Exception) -> tuple[int, str]:
    match exc:
        case BadCursor() | IntervalTooFine() | NotSortable():
            return 400, str(exc)
        case BadAnnotation() | BadSearch():
            return 422, str(exc)
        case QueryTooSlow():
            return 503, str(exc)
        case StoreError():
            return 503, f"{exc} Captures wait in the spool until then."
        case RequestValidationError():
            return 422, " ".join(f"{each['loc'][-1]}: {sentence_of(each)}" for each in exc.errors())
        case HTTPException():
            return exc.status_code, exc.detail
        case _:
            return 500, "Internal error of Gemtap. The log of `gemtap serve` has the details."
