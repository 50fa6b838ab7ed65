"""What the simulated model answers: the blocks of a message, by what the request says.

| request | answer |
|---|---|
| `thinking` is on | thinking with a signature before everything else; encrypted for the model `claude-redacted` |
| the last message says “call the NAME tool” | a call of that tool |
| it says “search”, and web search is on | a search, its results, and a text that cites one of them |
| anything else | a text |
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

_SENTENCES: Final = (
    "Start from what is known, and write down what you expect.",
    "Keep each change small, so that a fault is easy to find.",
    "Run the tests after every step.",
    "Say plainly what could not be done.",
)
_PAGE: Final = "https://example.com/changes"


def answer_to(request: dict[str, Json]) -> tuple[list[dict[str, Any]], str]:
    """The blocks of the answer, and its stop reason. The same request has the same answer."""
    asked, tag = last_text(request), hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    blocks: list[dict[str, Any]] = []
    if as_dict(request.get("thinking")).get("type") in ("enabled", "adaptive"):
        blocks.append(_thinking(request, tag))
    called = _called(request, asked)
    if called is not None:
        blocks.append({"type": "text", "text": f"I call {called['name']}."})
        arguments = {name: f"{name} {tag[:4]}" for name in as_dict(_schema(called).get("properties"))}
        blocks.append({"type": "tool_use", "id": f"toolu_{tag[:22]}", "name": called["name"], "input": arguments})
        return blocks, "tool_use"
    if "search" in asked.lower() and _searches(request):
        return [*blocks, *_search(asked, tag)], "end_turn"
    text = f"On “{asked[:60].strip()}”: " + " ".join(_SENTENCES[(int(tag[0], 16) + n) % 4] for n in range(3))
    return [*blocks, {"type": "text", "text": text}], "end_turn"


def last_text(request: dict[str, Json]) -> str:
    """The texts of the last message; of one with results of tools, what these say."""
    messages = as_list(request.get("messages"))
    content = as_dict(messages[-1]).get("content") if messages else None
    if isinstance(content, str):
        return content
    blocks = [as_dict(block) for block in as_list(content)]
    texts = [as_text(block.get("text")) for block in blocks if block.get("type") == "text"]
    return " ".join(filter(None, texts)) or ("the result" if blocks else "")


def _thinking(request: dict[str, Json], tag: str) -> dict[str, Any]:
    if request.get("model") == "claude-redacted":
        return {"type": "redacted_thinking", "data": f"EncRedacted{tag}=="}
    return {"type": "thinking", "thinking": "The user wants an answer. I weigh it.", "signature": f"EuYB{tag}=="}


def _called(request: dict[str, Json], asked: str) -> dict[str, Any] | None:
    for tool in map(as_dict, as_list(request.get("tools"))):
        name = as_text(tool.get("name"))
        if name and "input_schema" in tool and re.search(rf"\bcall (the )?{re.escape(name)}\b", asked, re.IGNORECASE):
            return tool
    return None


def _schema(tool: dict[str, Any]) -> dict[str, Json]:
    return as_dict(tool.get("input_schema"))


def _searches(request: dict[str, Json]) -> bool:
    return any(str(as_dict(tool).get("type")).startswith("web_search") for tool in as_list(request.get("tools")))


def _search(asked: str, tag: str) -> list[dict[str, Any]]:
    id_ = f"srvtoolu_{tag[:20]}"
    found = {"type": "web_search_result", "url": _PAGE, "title": "Changes", "encrypted_content": tag, "page_age": None}
    citation = {
        "type": "web_search_result_location",
        "url": _PAGE,
        "title": "Changes",
        "cited_text": "Version 2 is out.",
        "encrypted_index": tag[:16],
    }
    return [
        {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": asked[:80]}},
        {"type": "web_search_tool_result", "tool_use_id": id_, "content": [found]},
        {"type": "text", "text": "Version 2 is out.", "citations": [citation]},
    ]
