"""Where searched words stand in an interaction, and suggestions while a query is typed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from gemtap.api_schema import QueryText, encoded
from gemtap.dashboard.api import document_of, json_answer
from gemtap.dashboard.found import excerpts_of
from gemtap.dashboard.suggestions import Suggestions
from gemtap.stores.base import Store
from gemtap.stores.query.parsing import MAX_LENGTH, parse
from gemtap.workers import JobFailed, Workers

_SECONDS: Final = 2.0
"""Processor time to search the texts of one interaction."""


def make_router(store: Store, workers: Workers) -> APIRouter:
    """The routes `/api/interactions/ID/found` and `/api/suggestions`."""
    router = APIRouter(tags=["search"], default_response_class=Response)
    suggestions = Suggestions(store)

    @router.get("/interactions/{id_}/found")
    async def found(id_: str, q: QueryText) -> Response:
        """Excerpts that have the words of a query: the kind of each text, and its pieces, matches marked by `true`."""
        document = await document_of(store, id_)
        try:
            excerpts = await workers.run(_SECONDS, excerpts_of, document, parse(q, datetime.now(UTC)))
        except JobFailed as exc:
            raise HTTPException(503, f"The words cannot be looked up in this interaction: {exc}.") from exc
        items = [{"kind": each.kind, "pieces": [list(piece) for piece in each.pieces]} for each in excerpts]
        return json_answer(encoded({"items": items}))

    @router.get("/suggestions")
    async def suggested(
        q: Annotated[str, Query(max_length=MAX_LENGTH)] = "", at: Annotated[int | None, Query(ge=0)] = None
    ) -> Response:
        """What may stand at a place of a query, by default its end: fields, or values of a field.

        Each item replaces the characters from `begin` to `end`.
        """
        given = await suggestions.for_query(q, len(q) if at is None else min(at, len(q)))
        items = [{"text": each.text, "about": each.about} for each in given.items]
        return json_answer(encoded({"begin": given.begin, "end": given.end, "items": items}))

    return router
