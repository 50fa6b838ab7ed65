"""Operations of OpenAI's paths."""

from __future__ import annotations

import pytest

from gemtap.dialects.openai_chat.paths import openai_operation


@pytest.mark.parametrize(
    ("method", "segments", "operation"),
    [
        ("POST", ["chat", "completions"], ("openai.chat.completions", None)),
        ("GET", ["models", "gpt-4o"], ("openai.models.get", "gpt-4o")),
        ("GET", ["models", "meta-llama", "Llama-3"], ("openai.models.get", "meta-llama/Llama-3")),
        ("GET", ["chat", "completions"], ("openai.chat.completions.list", None)),
        ("GET", ["chat", "completions", "chatcmpl-1", "messages"], ("openai.chat.completions.messages.list", None)),
        ("POST", ["chat", "completions", "chatcmpl-1"], ("openai.chat.completions.update", None)),
        ("POST", ["responses"], ("openai.responses", None)),
        ("GET", ["responses", "resp_1"], ("openai.responses.get", None)),
        ("POST", ["responses", "resp_1", "cancel"], ("openai.responses.cancel", None)),
        ("POST", ["uploads", "upload_1", "parts"], ("openai.uploads.parts.create", None)),
        ("GET", ["realtime"], ("openai.realtime", None)),
        ("POST", ["rerank"], ("openai.rerank", None)),
        ("BREW", ["responses", "resp_1"], ("unknown", None)),
        ("GET", ["nothing", "known"], ("unknown", None)),
        ("GET", [], ("unknown", None)),
    ],
)
def test_operations_of_paths(method: str, segments: list[str], operation: tuple[str, str | None]) -> None:
    """A path of any length has an operation, if only `unknown`."""
    assert openai_operation(method, segments) == operation
