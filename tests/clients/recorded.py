"""What was stored of a client's calls, in the words of these tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.e2e.running_gemtap import RunningGemtap, eventually

MODEL = "gemini-2.5-flash"


class Stored(NamedTuple):
    """The part of an interaction that is the same with every client."""

    operation: str
    model: str | None = None
    status: int = 200
    outcome: str = "complete"


GENERATE = Stored("generateContent", MODEL)
STREAM = Stored("streamGenerateContent", MODEL)
COUNT = Stored("countTokens", MODEL)


def stored(document: Any) -> Stored:
    status = document["response"]["status"] if document["response"] else 0
    outcome = document["outcome"]
    if outcome == "client_disconnected" and document["streaming"] and document["finish_reason"] is not None:
        # An SDK that has read the last event may close the connection before the body's end is there.
        outcome = "complete"
    return Stored(document["operation"], document["model"], status, outcome)


def documents(gemtap: RunningGemtap, count: int) -> list[Any]:
    """All that was stored, in the order of the calls, as soon as it is so many; more is a failure."""
    items = eventually(lambda: found if len(found := _items(gemtap)) >= count else None)
    assert len(items) == count, items
    return [gemtap.interaction(each["id"]) for each in items]


def documents_until(gemtap: RunningGemtap, operation: str, count: int) -> list[Any]:
    """All that was stored, in the order of the calls, as soon as it has so many of an operation."""

    def found() -> list[Any] | None:
        items = _items(gemtap)
        return items if sum(each["operation"] == operation for each in items) >= count else None

    return [gemtap.interaction(each["id"]) for each in eventually(found)]


def _items(gemtap: RunningGemtap) -> list[Any]:
    """The list, when there is nothing left to be stored; nothing before that."""
    if gemtap.ready()["backlog"]:
        return []
    items: list[Any] = gemtap.api("interactions?limit=100")["items"]
    return items[::-1]


def text_of(body: Any) -> str:
    """The text of an answer without its thoughts: Gemini's, one in Code Assist's envelope, or OpenAI's."""
    if "choices" in body:
        return "".join(choice["message"]["content"] for choice in body["choices"])
    candidates = body.get("response", body)["candidates"]
    return texts(part for candidate in candidates for part in candidate["content"]["parts"])


def texts(parts: Iterable[Any]) -> str:
    """The text of parts without thoughts."""
    return "".join(part.get("text") or "" for part in parts if not part.get("thought"))
