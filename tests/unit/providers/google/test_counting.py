"""Which exchanges count tokens: those that use them, not those that look them up."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.interaction import NO_TOKENS
from tests.unit.providers.google.recording import GEMINI, VERTEX, document_of, usd

USAGE = {
    "total_tokens": 120,
    "total_input_tokens": 50,
    "total_cached_tokens": 10,
    "total_output_tokens": 20,
    "total_tool_use_tokens": 0,
    "total_thought_tokens": 50,
}
TOKENS = {"input": 50, "cached": 10, "cache_write": None, "output": 20, "reasoning": 50, "tool_use": 0, "total": 120}
INTERACTION = {
    "id": "v1_abc",
    "object": "interaction",
    "status": "completed",
    "model": "gemini-3.6-flash",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Hi"}]}],
    "usage": USAGE,
}
CACHE = {"name": "cachedContents/abc", "model": "models/gemini-2.5-flash", "usageMetadata": {"totalTokenCount": 40_000}}
STREAM = b"""event: interaction.created
data: {"event_type": "interaction.created", "interaction": {"id": "v1_abc", "model": "gemini-3.6-flash", "status": "in_progress"}}

event: step.start
data: {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}}

event: step.delta
data: {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hi"}}

event: step.stop
data: {"event_type": "step.stop", "index": 0}

event: interaction.completed
data: {"event_type": "interaction.completed", "interaction": {"id": "v1_abc", "status": "completed", "usage": USAGE}}

event: done
data: [DONE]

""".replace(b"USAGE", str(USAGE).replace("'", '"').encode())  # noqa: E501


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", f"{GEMINI}/models/gemini-2.5-flash:countTokens", {"totalTokens": 5_000}),
        ("POST", f"{VERTEX}/publishers/google/models/gemini-2.5-flash:countTokens", {"totalTokens": 5_000}),
        ("POST", f"{VERTEX}/publishers/google/models/gemini-2.5-flash:computeTokens", {"tokensInfo": []}),
        ("GET", f"{GEMINI}/cachedContents/abc", CACHE),
        ("PATCH", f"{GEMINI}/cachedContents/abc", CACHE),
        ("GET", f"{VERTEX}/cachedContents/abc", CACHE),
        ("GET", f"{GEMINI}/cachedContents", {"cachedContents": [CACHE], "usageMetadata": {"totalTokenCount": 9}}),
        ("PATCH", f"{GEMINI}/interactions/v1_abc", INTERACTION),
        ("GET", f"{GEMINI}/interactions", {"interactions": [INTERACTION], "usage": USAGE}),
        ("GET", f"{GEMINI}/batches/b", {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}),
    ],
)
def test_a_look_up_counts_nothing(method: str, path: str, answer: Any) -> None:
    """Tokens and cost are null, whatever the answer says of tokens."""
    document = document_of(path, answer, method=method)
    assert (document["tokens"], document["cost"]) == (NO_TOKENS, None)


@pytest.mark.parametrize("place", [GEMINI, VERTEX])
@pytest.mark.parametrize("answer", [INTERACTION, STREAM], ids=["whole", "stream"])
def test_creating_an_interaction_is_counted(place: str, answer: Any) -> None:
    """On Vertex AI as on Gemini, as one answer and as a stream."""
    document = document_of(f"{place}/interactions", answer, request={"model": "gemini-3.6-flash", "input": "Hi?"})
    response = document["response"]
    assert response is not None
    assert (document["operation"], document["tokens"]) == ("interactions.create", TOKENS)
    assert (document["finish_reason"], document["preview"]["answer"]) == ("completed", "Hi")
    assert isinstance(response["body"], dict)
    assert response["body"]["steps"] == INTERACTION["steps"]
    assert usd(document) == pytest.approx((40 * 0.75 + 10 * 0.075 + 70 * 3.75) / 1e6)


def test_a_hop_that_hands_over_is_a_good_ending() -> None:
    """Each hop of a continued interaction is an exchange with a usage of its own."""
    answer = {**INTERACTION, "status": "requires_continuation", "continuation_token": "t"}
    document = document_of(f"{GEMINI}/interactions", answer, request={"model": "gemini-3.6-flash", "input": "Hi?"})
    assert (document["finish_reason"], document["error"], document["tokens"]) == ("requires_continuation", None, TOKENS)
