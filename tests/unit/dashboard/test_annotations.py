"""What people add, changed from a page of this desk and from nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


async def patch(site: Site, id_: str, value: Any, **headers: str) -> tuple[int, Any]:
    answer = await site.browser.patch(f"/api/interactions/{id_}", json=value, headers=headers)
    return answer.status_code, answer.json()


async def test_tags_rating_and_note_are_changed_one_by_one(site: Site) -> None:
    """Tags, rating and note are changed separately."""
    id_ = await site.keep()
    headers = await site.changing()
    assert await patch(site, id_, {"rating": "good"}, **headers) == (
        200,
        {"tags": ["physics"], "rating": "good", "note": None},
    )
    assert await patch(site, id_, {"tags": ["a", "b"], "note": "Look."}, **headers) == (
        200,
        {"tags": ["a", "b"], "rating": "good", "note": "Look."},
    )
    document = await site.api(f"interactions/{id_}")
    assert (document["tags"], document["rating"], document["note"]) == (["a", "b"], "good", "Look.")
    page = await site.page(f"/interactions/{id_}")
    assert "a, b" in page
    assert "Look." in page


@pytest.mark.parametrize(
    ("value", "says"),
    [({"rating": "superb"}, "good or bad"), ({"tags": ["a,b"]}, "commas"), ({"colour": 1}, "colour"), ([], "body")],
)
async def test_what_cannot_be_kept_changes_nothing_and_says_why(site: Site, value: Any, says: str) -> None:
    """An invalid annotation changes nothing, and the error says why."""
    id_ = await site.keep()
    before = await site.api(f"interactions/{id_}")
    status, body = await patch(site, id_, value, **await site.changing())
    assert status == 422
    assert says in body["error"]["message"]
    assert await site.api(f"interactions/{id_}") == before


async def test_an_interaction_that_is_none_is_not_found(site: Site) -> None:
    """An unknown id is not found."""
    assert (await patch(site, "0" * 24, {"note": "x"}, **await site.changing()))[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-gemtap-token": "guessed"},
        {"origin": "http://localhost:4361"},
    ],
)
async def test_without_the_token_nothing_is_changed(site: Site, headers: dict[str, str]) -> None:
    """Requests without the token are refused."""
    id_ = await site.keep()
    status, body = await patch(site, id_, {"note": "x"}, **headers)
    assert status == 403
    assert "reload the page" in body["error"]["message"]
    assert (await site.api(f"interactions/{id_}"))["note"] is None


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null", "https://app.example"])
async def test_not_even_with_the_token_may_another_page(site: Site, origin: str) -> None:
    """Other origins are refused even with the token."""
    id_ = await site.keep()
    status, _ = await patch(site, id_, {"note": "x"}, **await site.changing() | {"origin": origin})
    assert status == 403
    assert (await site.api(f"interactions/{id_}"))["note"] is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/api/interactions", "/api/live", "/nowhere", "/static/gemtap.css"])
async def test_every_method_that_may_change_something_needs_it(site: Site, method: str, path: str) -> None:
    """Every method that changes data needs the token."""
    assert (await site.browser.request(method, path)).status_code == 403
