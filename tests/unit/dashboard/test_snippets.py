"""Code snippets of an interaction carry the reader's own key as its API takes it."""

from __future__ import annotations

import pytest

from gemtap.dashboard.snippets import snippets_of
from tests.records import make_record

TAP, DESK = "http://tap", "http://desk"


def snippets(provider: str, path: str, **headers: str) -> dict[str, str]:
    document = make_record().document
    document["provider"] = provider
    document["request"] |= {"path": path, "headers": dict(headers), "query": "alt=sse&key=[redacted:abcd]"}
    return snippets_of(document, TAP, DESK)


@pytest.mark.parametrize(
    ("provider", "path", "curl", "python", "javascript"),
    [
        (
            "gemini",
            "/v1beta/models/m:generateContent",
            '"x-goog-api-key: $GEMINI_API_KEY"',
            '"x-goog-api-key": os.environ["GEMINI_API_KEY"],',
            '"x-goog-api-key": process.env.GEMINI_API_KEY,',
        ),
        (
            "gemini",
            "/v1beta/openai/chat/completions",
            '"authorization: Bearer $GEMINI_API_KEY"',
            '"authorization": "Bearer " + os.environ["GEMINI_API_KEY"],',
            '"authorization": `Bearer ${process.env.GEMINI_API_KEY}`,',
        ),
        (
            "vertex",
            "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            '"authorization: Bearer $CLOUDSDK_AUTH_ACCESS_TOKEN"',
            '"authorization": "Bearer " + os.environ["CLOUDSDK_AUTH_ACCESS_TOKEN"],',
            '"authorization": `Bearer ${process.env.CLOUDSDK_AUTH_ACCESS_TOKEN}`,',
        ),
    ],
)
def test_the_key_is_the_providers(provider: str, path: str, curl: str, python: str, javascript: str) -> None:
    """Variable, header and form come from the provider's folder."""
    shown = snippets(provider, path)
    assert curl in shown["curl"]
    assert python in shown["Python"]
    assert javascript in shown["JavaScript"]
    assert f"{TAP}{path}?alt=sse" in shown["curl"]
    assert "redacted" not in "".join(shown.values())


def test_headers_that_the_answer_depends_on_are_kept() -> None:
    """Others belong to the program that sent the request."""
    sent = {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-app": "cli"}
    assert snippets("vertex", "/v1/x", **sent)["Python"].count("anthropic-version") == 1
    shown = "".join(snippets("gemini", "/v1/x", **sent).values())
    assert "application/json" in shown
    assert not {"anthropic-version", "x-app"} & set(shown.split('"'))


def test_a_request_to_an_unknown_api_has_no_key() -> None:
    """Nothing knows which header would carry it."""
    shown = snippets("unknown", "/v1/x")
    assert "-H" not in shown["curl"]
    assert "environ" not in shown["Python"]


@pytest.mark.parametrize(
    ("provider", "path", "there"),
    [
        ("anthropic", "/v1/messages", "/anthropic/v1/messages"),
        ("openai", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("openai", "/openai/chat/completions", "/openai/chat/completions"),
    ],
)
def test_snippets_of_replays_go_to_the_same_api(provider: str, path: str, there: str) -> None:
    """A replay's path is the API's own. At the root of Gemtap it would be Gemini's."""
    assert f"'http://tap{there}?alt=sse'" in snippets(provider, path)["curl"]
