"""What sessions used."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.dialects.base import Parsed
from gemtap.interaction import NO_TOKENS
from tests.unit.dialects.gemini_live.test_dialect import session


def ended(prompt: int, response: int, **fields: Any) -> tuple[str, Any]:
    """The last message of a turn, with the usage of that turn."""
    usage = {"promptTokenCount": prompt, "responseTokenCount": response, "totalTokenCount": prompt + response, **fields}
    return "server", {"serverContent": {"turnComplete": True}, "usageMetadata": usage}


def counts(parsed: Parsed) -> tuple[int | None, int | None, int | None]:
    return parsed.tokens["input"], parsed.tokens["output"], parsed.tokens["total"]


def test_the_turns_of_a_session_are_added_up() -> None:
    """Each turn is billed with its whole context."""
    parsed = session(ended(143, 19), ended(181, 24), ended(224, 24))
    assert counts(parsed) == (548, 67, 615)
    assert parsed.usage_metadata == {"promptTokenCount": 548, "responseTokenCount": 67, "totalTokenCount": 615}


def test_counts_by_modality_are_added_up() -> None:
    """Entries of one modality are one entry."""
    details = [{"modality": "AUDIO", "tokenCount": 19}]
    text = [{"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 1}]
    parsed = session(ended(1, 19, responseTokensDetails=details), ended(1, 6, responseTokensDetails=text))
    assert parsed.usage_metadata["responseTokensDetails"] == [
        {"modality": "AUDIO", "tokenCount": 20},
        {"modality": "TEXT", "tokenCount": 5},
    ]


def test_usage_that_comes_by_itself_belongs_to_its_turn() -> None:
    """Once after the turn's end, or several times within it: the last one is the turn's."""
    usage = {"usageMetadata": {"promptTokenCount": 10, "responseTokenCount": 2, "totalTokenCount": 12}}
    early = {"usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}
    complete = ("server", {"serverContent": {"turnComplete": True}})
    assert counts(session(complete, ("server", usage), ended(20, 3))) == (30, 5, 35)
    assert counts(session(("server", early), ("server", usage), complete, ended(20, 3))) == (30, 5, 35)


def test_the_result_of_a_tool_begins_another_pass() -> None:
    """The model reads the whole context again when the client returns a result."""
    call = {"toolCall": {"functionCalls": [{"name": "f", "id": "1"}]}}
    first = {"promptTokenCount": 10, "responseTokenCount": 4, "totalTokenCount": 14}
    result = ("client", {"toolResponse": {"functionResponses": [{"id": "1", "response": {}}]}})
    assert counts(session(("server", {**call, "usageMetadata": first}), result, ended(15, 3))) == (25, 7, 32)


@pytest.mark.parametrize("response", [74, 77, 200])
def test_thoughts_are_not_part_of_the_response(response: int) -> None:
    """The Live API counts them apart, also where prompt and response are the total."""
    parsed = session(ended(417, response, thoughtsTokenCount=77))
    assert (parsed.tokens["output"], parsed.tokens["reasoning"]) == (response, 77)


def test_a_session_without_usage_has_no_tokens() -> None:
    """No usage is not a usage of 0."""
    assert session(("server", {"serverContent": {"turnComplete": True}})).tokens == NO_TOKENS


def test_a_session_with_the_interactions_api_adds_up_its_interactions() -> None:
    """Several events may come in one message, and each interaction has a usage of its own."""

    def done(name: str, text: str, total: int) -> list[Any]:
        return [
            {"event_type": "interaction.created", "interaction_id": name},
            {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": text}},
            {
                "event_type": "interaction.completed",
                "status": "completed",
                "usage": {"total_input_tokens": total - 1, "total_output_tokens": 1, "total_tokens": total},
            },
        ]

    create = {"event_type": "interaction.create", "model": "gemini-3.8-live"}
    parsed = session(
        ("client", create),
        ("client", {"event_type": "input", "content": [{"type": "text", "text": "One?"}]}),
        *(("server", event) for event in done("a", "1", 10)),
        ("server", {"events": done("b", "2", 20)}),
        path="/v1beta/interactions/live",
    )
    assert (parsed.operation, parsed.model, parsed.finish_reason) == (
        "interactions.live",
        "gemini-3.8-live",
        "completed",
    )
    assert parsed.tokens == {**NO_TOKENS, "input": 28, "output": 2, "total": 30}
    assert [each["id"] for each in parsed.accumulated["interactions"]] == ["a", "b"]
    assert parsed.accumulated["interactions"][1]["steps"] == [
        {"type": "model_output", "content": [{"type": "text", "text": "2"}]}
    ]
