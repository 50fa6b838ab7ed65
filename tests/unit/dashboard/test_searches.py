"""Saved searches over the API, changed from a page of this desk and from nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


async def send(site: Site, method: str, value: Any = None, query: str = "", **headers: str) -> tuple[int, Any]:
    answer = await site.browser.request(method, f"/api/searches{query}", json=value, headers=headers)
    body = answer.json()
    return answer.status_code, body["error"]["message"] if "error" in body else [
        (each["name"], each["query"]) for each in body["items"]
    ]


async def test_searches_are_saved_renamed_and_deleted(site: Site) -> None:
    """Each change returns the list; names may have any characters."""
    headers = await site.changing()
    assert await send(site, "GET") == (200, [])
    assert await send(site, "POST", {"name": "a/b ?&", "query": "error:yes"}, **headers) == (
        200,
        [("a/b ?&", "error:yes")],
    )
    status, message = await send(site, "POST", {"name": "a/b ?&", "query": "error:no"}, **headers)
    assert (status, "already" in message) == (422, True)
    again = {"name": "a/b ?&", "query": "error:no", "replace": True}
    assert await send(site, "POST", again, **headers) == (200, [("a/b ?&", "error:no")])
    assert await send(site, "PATCH", {"name": "a/b ?&", "new_name": "c"}, **headers) == (200, [("c", "error:no")])
    assert (await send(site, "PATCH", {"name": "a", "new_name": "b"}, **headers))[0] == 404
    assert (await send(site, "DELETE", query="?name=a", **headers))[0] == 404
    assert await send(site, "DELETE", query="?name=c", **headers) == (200, [])


async def test_an_invalid_query_is_refused(site: Site) -> None:
    """The message is that of the search field."""
    status, message = await send(site, "POST", {"name": "x", "query": "colour:red"}, **await site.changing())
    assert status == 422
    assert "Unknown field 'colour'" in message


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "http://localhost:3000"}])
@pytest.mark.parametrize(
    ("method", "value", "query"),
    [
        ("POST", {"name": "x", "query": "x", "replace": True}, ""),
        ("PATCH", {"name": "mine", "new_name": "y"}, ""),
        ("DELETE", None, "?name=mine"),
    ],
)
async def test_others_change_nothing(site: Site, method: str, value: Any, query: str, headers: dict[str, str]) -> None:
    """Requests without the token, or from other origins even with it, are refused."""
    own = await site.changing()
    await send(site, "POST", {"name": "mine", "query": "x"}, **own)
    sent = own | headers if headers else {}
    assert (await send(site, method, value, query, **sent))[0] == 403
    assert await send(site, "GET") == (200, [("mine", "x")])
