"""Exports as downloads: what the list finds, streamed, and ended where nobody reads it any more."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pyarrow.parquet
import pytest

from gemtap.exporters import jsonl
from gemtap.exporters.registry import FORMATS
from gemtap.stores.base import Filter
from tests.records import NOON, make_record
from tests.unit.dashboard.conftest import Site
from tests.unit.exporters.exported import TOOL_USE, turn

pytestmark = pytest.mark.anyio


async def test_what_the_list_finds_in_every_format(site: Site) -> None:
    """The list can be exported in every format."""
    good, bad = turn(*TOOL_USE, rating="good", model="gemini-x"), turn(*TOOL_USE, rating="bad")
    await site.store.put([good, bad])
    for chosen in FORMATS.values():
        which = f"id={good.document['_id']}" if chosen.shows_one else "q=rating:good"
        answer = await site.get(f"/api/export/{chosen.name}?{which}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].partition(";")[0] == chosen.media_type.partition(";")[0]
        assert re.fullmatch(
            rf'attachment; filename="gemtap-\d{{4}}-\d\d-\d\d{re.escape(chosen.suffix)}"',
            answer.headers["content-disposition"],
        )
        assert answer.content
    lines = (await site.get("/api/export/jsonl?q=rating:good")).content.splitlines(keepends=True)
    assert [jsonl.from_line(line).document["_id"] for line in lines] == [good.document["_id"]]
    rows = list(csv.reader(io.StringIO((await site.get("/api/export/csv?model=gemini-x")).text)))
    assert len(rows) == 2
    table = pyarrow.parquet.read_table(io.BytesIO((await site.get("/api/export/parquet")).content))
    assert table.num_rows == 2


async def test_the_list_offers_the_same_filters(site: Site) -> None:
    """Export links keep the filters of the list."""
    await site.keep(rating="good")
    page = await site.page("/interactions?q=rating:good&provider=gemini&limit=5")
    links = [unescape(link) for link in re.findall(r'href="(/api/export/[^"]+)"', page)]
    assert len(links) == len([each for each in FORMATS.values() if not each.shows_one])
    assert "Export these" in page
    for link in links:
        assert link.endswith("?q=rating%3Agood&provider=gemini")
        assert (await site.get(link)).status_code == 200
    page = await site.page("/interactions")
    assert "Export all" in page


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("word", 404, "Unknown format word. Formats: jsonl, "),
        ("jsonl?id=66f1c0ffee0123456789abcd", 422, "jsonl takes no id."),
        ("html", 422, "html exports one conversation: add its id."),
        ("html?id=66f1c0ffee0123456789abcd", 409, "no thread and no interaction"),
        ("jsonl?q=rating:fine", 422, "rating: 'fine' is not one of"),
        ("jsonl?limit=5", 422, "limit"),
    ],
)
async def test_what_cannot_be_exported(site: Site, path: str, status: int, says: str) -> None:
    """Invalid exports are errors."""
    await site.keep()
    answered, message = await site.refusal(f"/api/export/{path}")
    assert answered == status
    assert says in message


async def test_scrubbed(site: Site) -> None:
    """An export can be scrubbed."""
    await site.store.put([turn(*TOOL_USE)])
    answer = await site.get("/api/export/openai-chat?scrub=true&every_turn=true")
    assert json.loads(answer.content)["messages"]


async def test_it_ends_where_the_client_goes_away(site: Site) -> None:
    """An export stops when the client leaves."""
    records = [make_record(timestamp=NOON + timedelta(seconds=n), response_raw=b"x" * 10_000) for n in range(1_500)]
    await site.store.put(records)
    whole = len((await site.get("/api/export/jsonl")).content)
    sent = 0
    left = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))
        if sent > 200_000:
            left.set()
        await asyncio.sleep(0)

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/export/jsonl",
        "raw_path": b"/api/export/jsonl",
        "query_string": b"",
        "headers": [(b"host", b"localhost:4361")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 4361),
    }
    transport: Any = site.browser._transport
    await asyncio.wait_for(transport.app(scope, receive, send), 60)
    assert 200_000 < sent < whole / 4
    assert await site.store.count(Filter()) == 1_500
