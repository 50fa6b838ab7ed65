"""How an exchange ended, in words for lists: `200`, `200 · stream error`, `200 · blocked`, `429`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gemtap.interaction import Outcome
from gemtap.providers.documents import dialect_of

Grade = Literal["good", "mild", "bad"]


class Ending(NamedTuple):
    """How an exchange ended."""

    status: str
    """The HTTP status; a dash if there was no response."""
    words: str
    """What the status does not say; empty if it says all."""
    grade: Grade

    def __str__(self) -> str:
        return f"{self.status} · {self.words}" if self.words else self.status


def ending_of(item: Mapping[str, Any]) -> Ending:
    """The ending of an interaction, or of an item of a list."""
    response, outcome, error = item["response"], item["outcome"], item["error"]
    status = str(response["status"]) if response else "–"
    if outcome != Outcome.COMPLETE:
        mild = outcome in (Outcome.CLIENT_DISCONNECTED, Outcome.SHUTDOWN)
        return Ending(status, str(outcome).replace("_", " "), "mild" if mild else "bad")
    reason, dialect = item["finish_reason"], dialect_of(item)
    if (dialect is not None and reason in dialect.withheld_endings) or (error and _names_a_block(error.get("details"))):
        return Ending(status, "blocked", "bad")
    if error:
        # The status of a stream is sent before the stream can fail.
        failed_late = response is not None and response["status"] < 400
        return Ending(status, ("stream error" if item["streaming"] else "error") if failed_late else "", "bad")
    is_truncated = dialect is not None and reason in dialect.truncated_endings
    return Ending(status, "truncated", "mild") if is_truncated else Ending(status, "", "good")


def _names_a_block(details: Any) -> bool:
    return isinstance(details, dict) and any(details.get(name) for name in ("blockReason", "block_reason"))
