"""What an API ran itself, in words for people."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest

from gemtap.conversation.model import Aside, Other
from gemtap.conversation.server_tools import TokenProbability, shown_as, token_probabilities


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (
            "executableCode",
            {"language": "PYTHON", "code": "print(1)"},
            ("Code that the API ran", "print(1)", "python"),
        ),
        ("executable_code", {"code": "1+1"}, ("Code that the API ran", "1+1", "python")),
        (
            "code_execution_call",
            {"type": "code_execution_call", "arguments": {"code": "1+1", "language": "python"}},
            ("Code that the API ran", "1+1", "python"),
        ),
        ("codeExecutionResult", {"outcome": "OUTCOME_OK", "output": "1"}, ("Output of the code", "1", None)),
        (
            "codeExecutionResult",
            {"outcome": "OUTCOME_FAILED", "output": "no"},
            ("Output of the code (OUTCOME_FAILED)", "no", None),
        ),
        (
            "toolCall",
            {"toolType": "GOOGLE_SEARCH_WEB", "args": {}},
            ("Tool call by the API: GOOGLE_SEARCH_WEB", {"toolType": "GOOGLE_SEARCH_WEB", "args": {}}, None),
        ),
        (
            "server_tool_use",
            {"type": "server_tool_use", "name": "code_execution", "input": {"code": "1+1"}},
            ("Tool call by the API: code_execution", "1+1", "python"),
        ),
        (
            "mcp_tool_use",
            {"name": "echo", "server_name": "tools", "input": {"say": 1}},
            ("Tool call by the API: tools.echo", {"name": "echo", "server_name": "tools", "input": {"say": 1}}, None),
        ),
        ("mcp_call", {"name": "echo", "server_label": "tools"}, ("Tool call by the API: tools.echo", ANY, None)),
        ("web_search_tool_result", {"content": []}, ("Results of the web search", {"content": []}, None)),
        ("fallback", {"from": {"model": "a"}, "to": {"model": "b"}}, ("Another model took over", "a → b", None)),
        ("compaction", {"content": "So far: a."}, ("Compacted context", "So far: a.", None)),
        ("compaction", {"encrypted_content": "gA"}, ("Compacted context (encrypted)", ANY, None)),
        ("program", {"code": "text(1)"}, ("Code that the API ran", "text(1)", "javascript")),
        ("hologram", 3, ("hologram", 3, None)),
    ],
)
def test_a_part_of_another_kind_has_a_title_and_what_it_says(kind: str, value: Any, shown: Any) -> None:
    """Code is code; anything that is not known is shown as it is."""
    assert shown_as(Other(kind, value)) == shown


def test_tokens_have_their_probabilities_in_both_shapes() -> None:
    """Those of Gemini and those of OpenAI; anything else has none."""
    gemini = {"chosenCandidates": [{"token": "So", "logProbability": -0.25}, {"token": 1}]}
    openai = {"content": [{"token": "So", "logprob": -0.25}, {"token": "x", "logprob": None}]}
    for value in (gemini, openai):
        assert token_probabilities(Aside("logprobs", value)) == [TokenProbability("So", -0.25)]
    assert token_probabilities(Aside("other", [1])) == []
