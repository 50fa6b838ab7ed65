"""The JSON API: lists, documents and the exact bytes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.records import NOON, REQUEST_RAW, RESPONSE_RAW, make_record
from tests.unit.dashboard.conftest import Site, id_of

pytestmark = pytest.mark.anyio

NOBODY = "0123456789abcdef01234567"


async def test_a_list_is_empty_at_first(site: Site) -> None:
    """A new store has an empty list."""
    assert await site.api("interactions") == {"items": [], "next": None}


async def test_a_list_shows_the_newest_first_without_bodies(site: Site) -> None:
    """The list is newest first, without bodies."""
    old = await site.keep(timestamp=NOON)
    new = await site.keep(timestamp=NOON + timedelta(seconds=1))
    listed = await site.api("interactions")
    assert [item["id"] for item in listed["items"]] == [new, old]
    item = listed["items"][0]
    assert "_id" not in item
    assert "body" not in item["request"]
    assert "body" not in item["response"]
    assert item["timestamp"] == "2026-03-14T12:00:01.123Z"
    assert item["preview"] == {"prompt": "Why is the sky blue?", "answer": "Rayleigh."}


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
async def test_pages_lead_to_the_end_without_repeats(site: Site, limit: int) -> None:
    """Also where many interactions began in the same millisecond, and where others come in meanwhile."""
    records = [make_record(timestamp=NOON + timedelta(milliseconds=number // 4)) for number in range(10)]
    await site.store.put(records)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await site.api(f"interactions?limit={limit}{cursor}")
        assert 0 < len(page["items"]) <= limit
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        await site.keep(timestamp=NOON + timedelta(hours=1))
    newest_first = sorted(records, key=lambda each: (each.document["timestamp"], each.document["_id"]), reverse=True)
    assert seen == [id_of(record) for record in newest_first]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("provider=vertex", {"provider": "vertex"}),
        ("model=gemini-2.5-flash", {"model": "gemini-2.5-flash"}),
        ("model=a%26b%3D%E2%9C%93", {"model": "a&b=✓"}),
        ("operation=countTokens", {"operation": "countTokens"}),
        ("outcome=interrupted", {"outcome": "interrupted"}),
        ("status=429", {"response": {"status": 429}}),
        ("client=roo-code", {"client": {**make_record().document["client"], "name": "roo-code"}}),
        (
            f"thread={NOBODY}",
            {"thread": {"id": ObjectId(NOBODY), "turn": 1, "parent": None, "new_messages": 1}},
        ),
        ("since=2026-03-14T12:00:01Z", {"timestamp": NOON + timedelta(seconds=1)}),
        ("since=2026-03-14T14:00:01%2B02:00", {"timestamp": NOON + timedelta(seconds=1)}),
        ("since=2026-03-14T12:00:01", {"timestamp": NOON + timedelta(seconds=1)}),
        ("until=2026-03-14T12:00:00.123Z", {"timestamp": NOON - timedelta(milliseconds=1)}),
        ("since=2026-03-15&until=2026-03-16", {"timestamp": NOON + timedelta(days=1)}),
        ("q=status:%3E=400+-model:other", {"response": {"status": 429}}),
        ("provider=vertex&q=status:4xx", {"provider": "vertex", "response": {"status": 429}}),
        ("provider=vertex&status=429", {"provider": "vertex", "response": {"status": 429}}),
    ],
)
async def test_a_filter_leaves_what_fits(site: Site, query: str, fields: dict[str, Any]) -> None:
    """Filters limit the list."""
    await site.keep()
    fitting = await site.keep(**fields)
    assert [item["id"] for item in (await site.api(f"interactions?{query}"))["items"]] == [fitting]


async def test_a_filter_holds_on_every_page(site: Site) -> None:
    """Filters apply to every page."""
    for _ in range(3):
        await site.keep(model="other")
        await site.keep()
    first = await site.api("interactions?model=other&limit=2")
    second = await site.api(f"interactions?model=other&limit=2&cursor={first['next']}")
    assert [item["model"] for item in first["items"] + second["items"]] == ["other"] * 3
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "status", "names"),
    [
        ("limit=0", 422, "limit: '0' is less than 1."),
        ("limit=501", 422, "limit: '501' is more than 500."),
        ("limit=many", 422, "limit: 'many' is not a whole number."),
        ("status=ok", 422, "status: 'ok' is not a whole number."),
        ("outcome=foo", 422, "outcome: 'foo' is not one of complete, client_disconnected, upstream_unreachable, "),
        ("outcome=Complete", 422, "Did you mean complete?"),
        ("sort=price", 422, "sort: 'price' is not one of newest, oldest, duration, input, output, cost."),
        ("status=99999999999999999999", 422, "status"),
        ("thread=zzz", 422, "thread: 'zzz' is not an id"),
        ("since=yesterday", 422, "since: 'yesterday' is no time in ISO 8601, such as 2026-03-14 or "),
        ("since=0001-01-01T00:00:00%2B14:00", 422, "since: not a time between"),
        ("until=9999-12-31T23:59:59-14:00", 422, "until: not a time between"),
        ("colour=red", 422, "colour: there is no parameter of this name."),
        ("q=modle:x", 422, "q: Unknown field 'modle'. Did you mean model?"),
        ("q=since:soon", 422, "q: since: 'soon' is no time"),
        ("colour=red&limit=0", 422, "limit: '0' is less than 1. colour: there is no parameter of this name."),
        ("cursor=", 400, "cursor"),
        ("cursor=abc", 400, "cursor"),
        ("cursor=%C3%A9", 400, "cursor"),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(site: Site, query: str, status: int, names: str) -> None:
    """The error of an invalid parameter names it."""
    answered, message = await site.refusal(f"/api/interactions?{query}")
    assert answered == status
    assert names in message


async def test_a_document_is_whole(site: Site) -> None:
    """The API returns the whole document."""
    record = make_record(rating="good", chunks={"at_ms": [1.0, 2.5], "bytes": [3, 4]})
    await site.store.put([record])
    document = await site.api(f"interactions/{id_of(record)}")
    assert document["id"] == id_of(record)
    assert document["request"]["body"] == json.loads(REQUEST_RAW)
    assert document["response"]["body"] == json.loads(RESPONSE_RAW)
    assert document["response"]["chunks"] == {"at_ms": [1.0, 2.5], "bytes": [3, 4]}
    assert document["thread"]["id"] == str(record.document["thread"]["id"])  # type: ignore[index]
    assert document.keys() == (record.document.keys() - {"_id"}) | {"id"}


async def test_a_list_item_is_the_document_without_bodies(site: Site) -> None:
    """A list item is the document without bodies."""
    id_ = await site.keep()
    document = await site.api(f"interactions/{id_}")
    del document["request"]["body"], document["response"]["body"]
    assert (await site.api("interactions"))["items"] == [document]


@pytest.mark.parametrize("raw", [REQUEST_RAW, b"", b"\x00\xff\r\n\x1b[31m", b'{"a": 1E2}\n', bytes(range(256)) * 500])
async def test_the_exact_bytes_come_back_as_a_file_that_no_browser_opens(site: Site, raw: bytes) -> None:
    """Exact bytes are served as a download."""
    id_ = await site.keep(request_raw=raw, response_raw=raw[::-1])
    for side, expected in (("request", raw), ("response", raw[::-1])):
        answer = await site.get(f"/api/interactions/{id_}/{side}")
        assert answer.status_code == 200
        assert answer.content == expected
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == f'attachment; filename="{id_}-{side}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_the_response_to_nobody_has_no_bytes(site: Site) -> None:
    """A missing response has no bytes."""
    id_ = await site.keep(answered=False, outcome="upstream_unreachable")
    assert (await site.get(f"/api/interactions/{id_}/response")).content == b""
    assert (await site.api(f"interactions/{id_}"))["response"] is None


@pytest.mark.parametrize("suffix", ["", "/request", "/response"])
@pytest.mark.parametrize("id_", [NOBODY, "zzz", "0123456789ab", "%00", "..%2f..%2fetc%2fpasswd", "x" * 5000])
async def test_what_is_not_there_is_not_found(site: Site, id_: str, suffix: str) -> None:
    """Unknown ids are not found."""
    status, message = await site.refusal(f"/api/interactions/{id_}{suffix}")
    assert status == 404
    assert len(message) < 200


async def test_a_path_that_is_none_and_a_method_that_is_none_are_refused_in_json(site: Site) -> None:
    """Unknown paths and methods have JSON errors."""
    assert (await site.refusal("/api/nothing"))[0] == 404
    assert (await site.refusal(f"/api/interactions/{NOBODY}/elsewhere"))[0] == 404
    answer = await site.browser.delete(f"/api/interactions/{NOBODY}", headers=await site.changing())
    assert answer.status_code == 405
    assert "message" in answer.json()["error"]


@pytest.mark.parametrize("path", ["interactions", f"interactions/{NOBODY}", f"interactions/{NOBODY}/request"])
async def test_a_store_that_is_away_says_so_and_what_to_do(lost_site: Site, path: str) -> None:
    """An unreachable store is an error with advice."""
    status, message = await lost_site.refusal(f"/api/{path}")
    assert status == 503
    assert "127.0.0.1:1/gemtap" in message
    assert "Start MongoDB" in message
    assert "wait in the spool" in message
    assert "secret-word" not in message


async def test_a_mistake_of_ours_is_told_without_its_details(site: Site, tmp_path: Path) -> None:
    """Here a row that cannot be read: what went wrong stands in the log, and other rows are still to be had."""
    id_, other = await site.keep(), await site.keep()
    with closing(sqlite3.connect(tmp_path / "gemtap.db")) as connection, connection:
        connection.execute("UPDATE interactions SET document = x'00' WHERE id = ?", (ObjectId(id_).binary,))
    status, message = await site.refusal(f"/api/interactions/{id_}")
    assert status == 500
    assert "log" in message
    assert "zstd" not in message.lower()
    assert (await site.api(f"interactions/{other}"))["id"] == other


async def test_the_description_of_the_api_names_every_path_and_no_page(site: Site) -> None:
    """The OpenAPI description has all API paths and no pages."""
    paths = (await site.get("/openapi.json")).json()["paths"]
    assert set(paths) == {
        "/healthz",
        "/readyz",
        "/api/events",
        "/api/export/{name}",
        "/api/keys",
        "/api/keys/add",
        "/api/keys/revoke",
        "/api/keys/rotate",
        "/api/limits",
        "/api/limits/set",
        "/api/limits/unset",
        "/api/live",
        "/api/interactions",
        "/api/interactions/{id_}",
        "/api/interactions/{id_}/found",
        "/api/interactions/{id_}/request",
        "/api/interactions/{id_}/response",
        "/api/interactions/{id_}/state",
        "/api/other-models",
        "/api/searches",
        "/api/stats",
        "/api/suggestions",
        "/api/threads",
        "/api/threads/{id_}",
        "/api/tools",
    }
