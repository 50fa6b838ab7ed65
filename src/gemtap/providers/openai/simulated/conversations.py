"""Conversations of the simulated API, as it shows them: the responses in them are kept elsewhere."""

from __future__ import annotations

from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict

_CREATED: Final = 1_780_000_000


def conversation(id_: str) -> dict[str, Any]:
    """A conversation without its items."""
    return {"id": id_, "object": "conversation", "created_at": _CREATED, "metadata": {}}


def listed(items: list[Json]) -> dict[str, Any]:
    """The items as a list, in the order in which they were said."""
    data = [_whole(number, as_dict(item)) for number, item in enumerate(items)]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, "has_more": False, **ends}


def _whole(number: int, item: dict[str, Json]) -> dict[str, Any]:
    if item.get("type", "message") != "message":
        return {"id": f"item_{number}", **item}
    content = item.get("content")
    if isinstance(content, str):
        kind = "output_text" if item.get("role") == "assistant" else "input_text"
        content = [{"type": kind, "text": content}]
    return {"id": f"msg_{number}", "type": "message", "status": "completed", **item, "content": content}
