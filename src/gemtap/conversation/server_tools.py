"""What an API ran itself and what it says beside an answer, in words for people."""

from __future__ import annotations

from typing import Final, NamedTuple

from gemtap.conversation.model import Aside, Other
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

_TITLES: Final = {
    "executableCode": "Code that the API ran",
    "codeExecutionResult": "Output of the code",
    "code_execution_call": "Code that the API ran",
    "code_execution_result": "Output of the code",
    "code_interpreter_call": "Code that the API ran",
    "web_search_call": "Web search by the API",
    "file_search_call": "File search by the API",
    "image_generation_call": "Image generation",
    "mcp_call": "Tool call by the API",
    "mcp_list_tools": "Tools of an MCP server",
    "mcp_approval_request": "The API asks whether it may call a tool",
    "mcp_approval_response": "Approval of a tool call",
    "tool_search_call": "Search for tools",
    "tool_search_output": "Tools that were found",
    "program": "Code that the API ran",
    "program_output": "Output of the code",
    "compaction": "Compacted context (encrypted)",
    "server_tool_use": "Tool call by the API",
    "mcp_tool_use": "Tool call by the API",
    "mcp_tool_result": "Tool response",
    "web_search_tool_result": "Results of the web search",
    "web_fetch_tool_result": "Page that was fetched",
    "code_execution_tool_result": "Output of the code",
    "bash_code_execution_tool_result": "Output of the command",
    "text_editor_code_execution_tool_result": "Result of the edit",
    "tool_search_tool_result": "Tools that were found",
    "advisor_tool_result": "Advice of another model",
    "fallback": "Another model took over",
    "toolCall": "Tool call by the API",
    "toolResponse": "Tool response",
    "raiFilteredReason": "Filtered",
    "raiMediaFilteredReasons": "Filtered",
}

_NAMED: Final = frozenset({"mcp_call", "mcp_tool_use", "server_tool_use"})
"""Calls of tools that have a name, and some of them a server's."""

_LANGUAGES: Final = {"program": "javascript"}
"""The language of code that does not say it, where it is not Python."""


class Shown(NamedTuple):
    """A part of another kind."""

    title: str
    value: Json
    """Text, or a JSON value."""
    language: str | None
    """The programming language of code, in lower case; None for anything else."""


def shown_as(part: Other) -> Shown:
    """The title of a part of another kind, and what to show of it."""
    name = _camel_case(part.kind)
    fields = as_dict(part.value)
    tool = as_text(fields.get("toolType")) or as_text(fields.get("tool_type"))
    if part.kind in _NAMED:
        server = as_text(fields.get("server_label")) or as_text(fields.get("server_name"))
        tool = ".".join(filter(None, (server, as_text(fields.get("name")))))
    if part.kind == "fallback":
        models = (as_text(as_dict(fields.get(place)).get("model")) for place in ("from", "to"))
        return Shown(_TITLES[part.kind], " → ".join(filter(None, models)), None)
    if part.kind == "compaction" and (summary := as_text(fields.get("content"))) is not None:
        return Shown("Compacted context", summary, None)
    title = _TITLES.get(part.kind, _TITLES.get(name, part.kind)) + (f": {tool}" if tool else "")
    inside = as_dict(fields.get("arguments")) or as_dict(fields.get("input")) or fields
    code = as_text(inside.get("code"))
    if code is not None:
        return Shown(title, code, (as_text(inside.get("language")) or _LANGUAGES.get(part.kind, "python")).lower())
    output = as_text(fields.get("output"))
    if output is not None and name == "codeExecutionResult":
        outcome = as_text(fields.get("outcome"))
        ended_well = outcome in (None, "OUTCOME_OK")
        return Shown(title if ended_well else f"{title} ({outcome})", output, None)
    return Shown(title, part.value, None)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


class TokenProbability(NamedTuple):
    """A token of an answer, and the natural logarithm of its probability."""

    token: str
    log_probability: float


def token_probabilities(part: Aside) -> list[TokenProbability]:
    """The tokens of an answer in order, if the part has log probabilities."""
    fields = as_dict(part.value)
    found = []
    for each in as_list(fields.get("chosenCandidates", fields.get("content"))):
        token = as_dict(each)
        probability = token.get("logProbability", token.get("logprob"))
        if isinstance(token.get("token"), str) and isinstance(probability, int | float):
            found.append(TokenProbability(token["token"], float(probability)))
    return found
