"""Operations of OpenAI's paths."""

from __future__ import annotations

import pytest

from gemtap.dialects.openai_chat.paths import openai_operation


@pytest.mark.parametrize(
    ("method", "segments", "operation"),
    [
        ("POST", ["chat", "completions"], ("openai.chat.completions", None)),
        ("GET", ["models", "gpt-4o"], ("openai.models.get", "gpt-4o")),
        ("GET", ["chat", "completions"], ("unknown", None)),
        ("GET", [], ("unknown", None)),
    ],
)
def test_operations_of_paths(method: str, segments: list[str], operation: tuple[str, str | None]) -> None:
    """A path of any length has an operation, if only `unknown`."""
    assert openai_operation(method, segments) == operation
