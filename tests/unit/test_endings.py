"""How the ending of an exchange is told."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.endings import ending_of
from tests.records import make_record

CHAT = {"provider": "openai", "operation": "openai.chat.completions"}
CLAUDE = {"provider": "anthropic", "operation": "messages.create"}
BROKEN = {"message": "overloaded", "details": None}
BLOCKED = {"message": "prompt blocked: SAFETY", "details": {"blockReason": "SAFETY"}}


@pytest.mark.parametrize(
    ("fields", "told", "grade"),
    [
        ({}, "200", "good"),
        ({"error": BROKEN, "streaming": True}, "200 · stream error", "bad"),
        ({"error": BROKEN}, "200 · error", "bad"),
        ({"error": BROKEN, "response": {"status": 503}}, "503", "bad"),
        ({"error": BLOCKED}, "200 · blocked", "bad"),
        ({"finish_reason": "SAFETY"}, "200 · blocked", "bad"),
        ({"finish_reason": "content_filter", **CHAT}, "200 · blocked", "bad"),
        ({"finish_reason": "refusal", **CLAUDE}, "200 · blocked", "bad"),
        ({"finish_reason": "MAX_TOKENS"}, "200 · truncated", "mild"),
        ({"finish_reason": "length", **CHAT}, "200 · truncated", "mild"),
        ({"finish_reason": "model_context_window_exceeded", **CLAUDE}, "200 · truncated", "mild"),
        ({"finish_reason": "pause_turn", **CLAUDE}, "200", "good"),
        ({"finish_reason": "tool_calls", **CHAT}, "200", "good"),
        ({"finish_reason": "length", "provider": "gone"}, "200", "good"),
        ({"outcome": "client_disconnected"}, "200 · client disconnected", "mild"),
        ({"outcome": "upstream_timeout", "answered": False}, "– · upstream timeout", "bad"),
    ],
)
def test_an_ending_says_what_the_status_does_not(fields: dict[str, Any], told: str, grade: str) -> None:
    """A failure inside a 200 is visible in lists."""
    ending = ending_of(make_record(**fields).document)
    assert (str(ending), ending.grade) == (told, grade)
