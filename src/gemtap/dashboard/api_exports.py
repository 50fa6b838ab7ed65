"""Exports as streamed downloads, filtered like the list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from gemtap.api_schema import Conditions, Id
from gemtap.exporters.base import Chunk, ExportError, ExportOptions, Report
from gemtap.exporters.registry import FORMATS
from gemtap.stores.base import Store
from gemtap.workers import Workers

_AT_ONCE: Final = 64 * 1024
"""Minimum bytes of one write, since single lines would need thousands of writes."""


class ExportQuery(Conditions):
    """Parameters of an export: the list's conditions, and options of the format."""

    id: Id | None = None
    """Id of a thread or an interaction, for the formats that show one conversation."""
    every_turn: bool = False
    bodies: bool = False
    scrub: bool = False
    """Whether to remove secrets and personal data."""


_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


def make_router(store: Store, workers: Workers) -> APIRouter:
    """The route `/api/export/FORMAT`."""
    router = APIRouter(tags=["exports"])

    @router.get("/export/{name}", response_class=StreamingResponse, responses=_FILE)
    async def export(name: str, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
        """Everything that the filters of the list find, as a file: docs/export.md describes the formats.

        It is streamed as it is read, and ends where the client goes away. An export that fails on the way breaks the
        file off, and never ends it as if it were whole.
        """
        chosen = FORMATS.get(name)
        if chosen is None:
            raise HTTPException(404, f"Unknown format {name[:50]}. Formats: {', '.join(FORMATS)}.")
        if chosen.shows_one != (query.id is not None):
            needs = "exports one conversation: add its id" if chosen.shows_one else "takes no id"
            raise HTTPException(422, f"{chosen.name} {needs}.")
        try:
            pieces = chosen.write(store, await _wanted(query, workers), Report())
            # A failure before the first chunk becomes an error response.
            first = await anext(pieces, None)
        except ExportError as exc:
            raise HTTPException(409, str(exc)) from exc
        file = f"gemtap-{datetime.now(UTC):%Y-%m-%d}{chosen.suffix}"
        headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
        return StreamingResponse(_joined(first, pieces), media_type=chosen.media_type, headers=headers)

    return router


async def _wanted(query: ExportQuery, workers: Workers) -> ExportOptions:
    scrub = None
    if query.scrub:
        # Loading its rules takes half a second.
        from gemtap.exporters.scrub import make_scrub

        scrub = await asyncio.to_thread(make_scrub)
    return ExportOptions(
        query.where(),
        one=query.id,
        bodies=query.bodies,
        every_turn=query.every_turn,
        workers=workers,
        scrub=scrub,
    )


async def _joined(first: Chunk | None, pieces: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    held = [first.content] if first is not None else []
    size = len(held[0]) if held else 0
    async with aclosing(pieces):  # type: ignore[type-var]  # the writers are generators
        async for piece in pieces:
            held.append(piece.content)
            size += len(piece.content)
            if size >= _AT_ONCE:
                yield b"".join(held)
                held, size = [], 0
                # Let the recorder and other requests of this process run.
                await asyncio.sleep(0)
    if held:
        yield b"".join(held)
