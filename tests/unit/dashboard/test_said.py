"""The page of an interaction shows all that was said in it."""

from __future__ import annotations

import base64
import io
import json
import re
import wave
from typing import Any

import pytest
from bson import ObjectId

from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio

PIXEL = {"mimeType": "image/png", "data": base64.b64encode(b"pixel").decode()}
SPEECH = {"mimeType": "audio/L16;codec=pcm;rate=16000", "data": base64.b64encode(b"\1\0\2\0").decode()}


def exchange(request: Any, response: Any, **fields: Any) -> dict[str, Any]:
    return {"request_raw": json.dumps(request).encode(), "response_raw": json.dumps(response).encode(), **fields}


def answer(*parts: Any, **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", **candidate}]}


async def test_the_page_shows_what_the_api_did_and_what_the_answer_is_based_on(site: Site) -> None:
    """Built-in tools, cached content, calls and code of the API, searches, sources and probabilities."""
    request = {
        "contents": [{"role": "user", "parts": [{"text": "How many?"}]}],
        "tools": [{"googleSearch": {}}, {"fileSearch": {"fileSearchStoreNames": ["towns"]}}],
        "cachedContent": "cachedContents/abc",
    }
    response = answer(
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["population"]}}},
        {"executableCode": {"language": "PYTHON", "code": "print(12345)"}},
        {"text": "12,345"},
        groundingMetadata={
            "webSearchQueries": ["population <2026>"],
            "groundingChunks": [
                {"web": {"uri": "https://w.example/a", "title": "Town"}},
                {"web": {"uri": "javascript:alert(1)", "title": "Bad"}},
            ],
        },
        logprobsResult={"chosenCandidates": [{"token": "12", "logProbability": -0.25}]},
    )
    page = await site.page(f"/interactions/{await site.keep(**exchange(request, response))}")
    for said in (
        "<code>cachedContents/abc</code> precedes this conversation",
        "2 built-in tools",
        "towns",
        "Tool call by the API: GOOGLE_SEARCH_WEB",
        "Code that the API ran",
        "<q>population &lt;2026&gt;</q>",
        '<a href="https://w.example/a" rel="noreferrer noopener">',
        "<code>javascript:alert(1)</code>",
        "-0.2500",
    ):
        assert said in page


async def test_the_picture_that_a_tool_gave_back_is_shown_with_its_result(site: Site) -> None:
    """Beside its call, or alone where the call is not on the page."""
    drawn = {"name": "draw", "response": {"title": "Q4"}, "parts": [{"inlineData": PIXEL}]}
    called = {"role": "model", "parts": [{"functionCall": {"name": "draw", "args": {}}}]}
    for before, number in (([called], "1-0-0"), ([], "0-0-0")):
        contents = [*before, {"role": "user", "parts": [{"functionResponse": drawn}]}]
        id_ = await site.keep(**exchange({"contents": contents}, answer({"text": "One square."})))
        page = await site.page(f"/interactions/{id_}")
        source = f"/interactions/{id_}/media/{number}"
        assert f'<img src="{source}"' in page
        got = await site.get(source)
        assert (got.content, got.headers["content-type"]) == (b"pixel", "image/png")
        for wrong in (f"{number[:4]}9", f"{number[:4]}-1", f"{number}-0", "1", "0-0-x"):
            assert (await site.get(f"/interactions/{id_}/media/{wrong}")).status_code == 404


async def test_speech_without_a_container_can_be_played(site: Site) -> None:
    """It is sent as a WAV file."""
    id_ = await site.keep(**exchange({"contents": "Say it."}, answer({"inlineData": SPEECH})))
    page = await site.page(f"/interactions/{id_}")
    (source,) = re.findall(r'<audio controls preload="none" src="([^"]+)"', page)
    got = await site.get(source)
    assert got.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(got.content)) as file:
        assert (file.getframerate(), file.readframes(9)) == (16_000, b"\1\0\2\0")


async def test_pictures_of_imagen_are_shown_and_films_of_veo_are_links(site: Site) -> None:
    """They are the answers to their prompts."""
    prompt = {"instances": [{"prompt": "A fox."}]}
    picture = {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PIXEL["data"]}]}
    id_ = await site.keep(**exchange(prompt, picture, operation="predict"))
    page = await site.page(f"/interactions/{id_}")
    assert "A fox." in page
    assert (await site.get(f"/interactions/{id_}/media/1-0")).content == b"pixel"
    sample = {"video": {"uri": "https://g.example/v1beta/files/x:download?alt=media"}}
    film = {"done": True, "response": {"generateVideoResponse": {"generatedSamples": [sample]}}}
    id_ = await site.keep(**exchange(None, film, operation="operations.get"))
    page = await site.page(f"/interactions/{id_}")
    assert '<a href="https://g.example/v1beta/files/x:download?alt=media" rel="noreferrer noopener">' in page


async def test_a_session_is_shown_whole_and_as_new(site: Site) -> None:
    """None of its messages was sent before."""
    turns: list[Any] = [
        {"role": role, "parts": [{"text": f"{role} {number}"}]} for number in range(3) for role in ("user", "model")
    ]
    id_ = await site.keep(
        **exchange({"messages": []}, {"turns": turns}, operation="bidiGenerateContent"),
        response={"status": 101},
        thread={"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 6},
    )
    page = await site.page(f"/interactions/{id_}")
    assert all(turn["parts"][0]["text"] in page for turn in turns)
    assert page.count('<span class="new">new</span>') == 6
    assert "earlier" not in page


async def test_the_sound_of_a_session_can_be_played(site: Site) -> None:
    """It came in many messages, and is one file."""
    pieces = [base64.b64encode(each).decode() for each in (b"\1\0", b"\2\0")]
    messages = [
        {"at_ms": 1, "data": {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": data}}]}}}}
        for data in pieces
    ]
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "bytes": 4}}
    turns = [{"role": "model", "parts": [part], "outputTranscription": {"text": "Hello."}}]
    session = {"turns": turns, "messages": messages}
    id_ = await site.keep(
        **exchange({"messages": []}, session, operation="bidiGenerateContent"),
        response={"status": 101},
        thread={"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1},
    )
    page = await site.page(f"/interactions/{id_}")
    assert "Hello." in page
    (source,) = re.findall(r'<audio controls preload="none" src="([^"]+)"', page)
    got = await site.get(source)
    assert got.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(got.content)) as file:
        assert file.readframes(9) == b"\1\0\2\0"
