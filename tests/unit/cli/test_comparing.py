"""A response as the text that a terminal shows."""

from __future__ import annotations

import json
from typing import Any

from gemtap.cli.comparing import answer_text, text_so_far
from tests.contract.openai_examples import PIECES, events
from tests.records import make_record
from tests.unit.providers.openai.recording import record_of


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


def test_a_response_that_has_only_begun_says_nothing() -> None:
    """The first events of a response have its settings and no answer: they are no text."""
    begun = record_of("/v1/responses", events(*PIECES[:2]), request={"model": "gpt-5", "input": "Why?"})
    assert text_so_far(begun.document) == ""
    whole = record_of("/v1/responses", events(*PIECES), request={"model": "gpt-5", "input": "Why?"})
    assert text_so_far(whole.document).endswith("Air scatters it.")
