"""What exchanges with OpenAI cost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openai_examples import CHAT, RESPONSE
from tests.unit.providers.openai.recording import document_of, usd

MILLION = 1_000_000


def chat(model: str, usage: dict[str, Any], request: dict[str, Any] | None = None, **fields: Any) -> Any:
    """The document of a chat completion with this usage."""
    answer = {"model": model, "choices": [{"message": {"content": "So."}, "finish_reason": "stop"}], "usage": usage}
    asked = {"model": model, "messages": [{"role": "user", "content": "Why?"}], **(request or {})}
    return document_of("/v1/chat/completions", {**answer, **fields}, request=asked)


def test_a_chat_is_priced_with_its_cached_and_reasoning_tokens() -> None:
    """GPT-5 on OpenAI's page: 1.25 for a million tokens, 0.125 cached, 10 of output, thoughts among them."""
    document = document_of(CHAT.path, CHAT.response, request=CHAT.request)
    assert usd(document) == round((8 * 1.25 + 4 * 0.125 + 9 * 10) / MILLION, 9)


@pytest.mark.parametrize(
    ("tier", "factor"),
    [("default", 1.0), ("auto", 1.0), ("flex", 0.5), ("priority", 2.0), ("scale", None), ("x", None)],
)
def test_the_service_tier_of_the_answer_has_its_price(tier: str, factor: float | None) -> None:
    """What was asked for does not matter where the answer says how it was served."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    document = chat("gpt-5", usage, {"service_tier": "priority"}, service_tier=tier)
    expected = None if factor is None else round(1000 * 11.25 / MILLION * factor, 9)
    assert usd(document) == expected
    assert ("missing" in document["cost"]) == (factor is None)


def test_a_priority_price_that_is_not_listed_is_not_guessed() -> None:
    """The page names one for each model by itself."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
    document = chat("gpt-4-turbo", usage, service_tier="priority")
    assert document["cost"]["usd"] is None
    assert "priority" in document["cost"]["missing"]


def test_sound_has_a_price_of_its_own() -> None:
    """gpt-audio: text 2.5 and 10, sound 32 and 64."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"audio_tokens": 60, "text_tokens": 40, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 30, "text_tokens": 20},
    }
    assert usd(chat("gpt-audio", usage)) == round((40 * 2.5 + 60 * 32 + 20 * 10 + 30 * 64) / MILLION, 9)


def test_searches_are_priced_by_the_call() -> None:
    """Ten dollars for a thousand; a page that is opened is no search."""
    search, opened = ({"type": "web_search_call", "action": {"type": kind}} for kind in ("search", "open_page"))
    plain = document_of("/v1/responses", RESPONSE, request={"model": "gpt-5", "input": "Why?"})
    searched = {**RESPONSE, "output": [search, search, opened, *RESPONSE["output"]]}
    document = document_of("/v1/responses", searched, request={"model": "gpt-5", "input": "Why?"})
    assert usd(document) == round((usd(plain) or 0) + 2 * 0.01, 9)


def test_what_is_not_priced_is_named() -> None:
    """Containers cost by the session, and images by size."""
    used = {**RESPONSE, "output": [{"type": "code_interpreter_call", "code": "1"}, *RESPONSE["output"]]}
    document = document_of("/v1/responses", used, request={"model": "gpt-5", "input": "Why?"})
    assert document["cost"] is not None
    assert document["cost"]["missing"] == "containers are priced by the session"


def test_transcriptions_by_the_minute_are_not_priced() -> None:
    """Whisper counts seconds."""
    answer = {"text": "Hello.", "usage": {"type": "duration", "seconds": 3}}
    document = document_of(
        "/v1/audio/transcriptions", answer, request=b"--x--", request_type="multipart/form-data; boundary=x"
    )
    assert usd(document) is None


def test_look_ups_cost_nothing() -> None:
    """A stored completion was billed when it was made."""
    document = document_of("/v1/chat/completions/chatcmpl-1", CHAT.response, method="GET")
    assert document["tokens"]["total"] is None
    assert document["cost"] is None


def test_an_image_is_priced_by_its_tokens() -> None:
    """gpt-image-1: text 5, images 10 to read and 40 to make."""
    usage = {
        "input_tokens": 60,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 50},
        "output_tokens": 1000,
        "total_tokens": 1060,
    }
    answer = {"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage}
    document = document_of("/v1/images/generations", answer, request={"model": "gpt-image-1", "prompt": "A cat."})
    assert usd(document) == round((10 * 5 + 50 * 10 + 1000 * 40) / MILLION, 9)
