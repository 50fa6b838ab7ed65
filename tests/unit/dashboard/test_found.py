"""Excerpts with the words of a search, over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


def marked(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The kinds and texts of excerpts, with brackets around matches."""
    return [
        (item["kind"], "".join(f"[{text}]" if is_match else text for text, is_match in item["pieces"]))
        for item in items
    ]


async def found(site: Site, query: str, said: str, answer: str, **fields: Any) -> list[tuple[str, str]]:
    id_ = await site.keep(
        request_raw=json.dumps({"contents": [{"role": "user", "parts": [{"text": said}]}]}).encode(),
        response_raw=json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": answer}]}}]}).encode(),
        thread=None,
        **fields,
    )
    return marked((await site.api(f"interactions/{id_}/found?q={query}"))["items"])


async def test_words_are_marked_in_the_message_that_has_them(site: Site) -> None:
    """Each excerpt names its message; case and accents of the text are kept."""
    assert await found(site, "sky", "Why is the SKY\nblue?", "Rayleigh.") == [("prompt", "Why is the [SKY] blue?")]
    both = await found(site, "sky rayleigh", "Why is the sky blue?", "Rayleigh scatters the sky.")
    assert both == [("response", "[Rayleigh] scatters the [sky]."), ("prompt", "Why is the [sky] blue?")]
    assert await found(site, "STRASSE", "Die Straße.", "x") == [("prompt", "Die [Straße].")]
    assert await found(site, "天气", "今天天气好", "x") == [("prompt", "今天[天气]好")]


async def test_phrases_and_beginnings_are_found_as_searches_find_them(site: Site) -> None:
    """A phrase needs its words in a row; a beginning marks the whole word; negated words are not marked."""
    said = "connection was refused, then: connection_refused"
    assert await found(site, '"connection refused"', said, "x") == [
        ("prompt", "connection was refused, then: [connection_refused]")
    ]
    assert await found(site, "refus* -absent", said, "x") == [
        ("prompt", "connection was [refused], then: connection_[refused]")
    ]
    assert await found(site, "error:no", said, "x") == []


async def test_an_excerpt_is_short_and_there_are_few(site: Site) -> None:
    """A long text is cut around its first match."""
    ((kind, text),) = await found(site, "needle", "hay " * 1000 + "needle" + " straw" * 1000, "x")
    assert kind == "prompt"
    assert text.startswith("…")
    assert "hay [needle] straw" in text
    assert text.endswith("…")
    assert len(text) < 160


async def test_notes_errors_and_other_bodies_have_excerpts(site: Site) -> None:
    """What is no message has excerpts too."""
    id_ = await site.keep(note="Look at this.", error={"message": "Look out.", "details": None})
    items = (await site.api(f"interactions/{id_}/found?q=look"))["items"]
    assert marked(items)[:2] == [("note", "[Look] at this."), ("error", "[Look] out.")]
    id_ = await site.keep(operation="models.list", response_raw=b'{"models": [{"name": "needle"}]}', request_raw=b"")
    items = (await site.api(f"interactions/{id_}/found?q=needle"))["items"]
    assert marked(items) == [("response", "models name [needle]")]


async def test_an_unknown_interaction_and_a_bad_query_are_refused(site: Site) -> None:
    """Errors have the form of the API."""
    assert (await site.refusal(f"/api/interactions/{'0' * 24}/found?q=x"))[0] == 404
    assert (await site.refusal(f"/api/interactions/{'0' * 24}/found?q=colour:red"))[0] == 422
