"""A response as the text that a terminal shows."""

from __future__ import annotations

import json
from typing import Any

from gemtap.cli.comparing import answer_text
from tests.records import make_record


def shown(*parts: Any, **candidate: Any) -> str:
    answer = {"candidates": [{"content": {"parts": list(parts)}, **candidate}]}
    return answer_text(make_record(response_raw=json.dumps(answer).encode()).document)


def test_all_that_an_answer_holds_is_shown_but_thoughts() -> None:
    """Words, calls, media, what the API ran itself, and sources."""
    text = shown(
        {"text": "Hm.", "thought": True},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"toolCall": {"toolType": "FILE_SEARCH"}},
        {"text": "It is 1."},
        {"fileData": {"fileUri": "https://f.example/1", "mimeType": "image/png"}},
        {"functionCall": {"name": "go", "args": {"to": "Rome"}}},
        groundingMetadata={
            "webSearchQueries": ["one"],
            "groundingChunks": [{"web": {"title": "One", "uri": "https://one.example"}}],
        },
    )
    assert text.splitlines() == [
        "",
        "Code that the API ran: print(1)",
        "",
        'Tool call by the API: FILE_SEARCH: {"toolType": "FILE_SEARCH"}',
        "It is 1.",
        "[image/png https://f.example/1]",
        "",
        '→ go({"to": "Rome"})',
        "",
        "",
        "Searched for: one",
        "- One https://one.example",
    ]
