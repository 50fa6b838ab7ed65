"""The incident: what happened to recording itself, as one document of `gemtap_events`.

Traffic goes on whatever becomes of its record. What could not be kept, when and why, is kept in its stead: counted on
the disk where it happens, and stored like the interactions as soon as the store can take it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypedDict

from bson import ObjectId

from gemtap.interaction import iso, to_milliseconds


class IncidentKind(StrEnum):
    """What can happen to recording."""

    CAPTURES_LOST = "captures_lost"
    """Exchanges of which no capture could be written, or not a whole one. Traffic went on."""
    CAPTURES_UNSYNCED = "captures_unsynced"
    """Captures that the disk failed to write. They are recorded all the same unless the machine loses power first."""
    REQUESTS_REFUSED = "requests_refused"
    """Requests that were refused, as `when_full = refuse` asks, because they could not be captured."""
    STORE_OUTAGE = "store_outage"
    """The store took nothing. Captures waited in the spool."""
    CAPTURE_FAILED = "capture_failed"
    """A capture that can never be stored. It is kept in `failed/`."""
    PARSE_FAILED = "parse_failed"
    """An exchange that its provider's parser failed on. It is stored, with its exact bytes."""
    PRUNED = "pruned"
    """Interactions that were deleted because somebody has asked for it, see `gemtap.upkeep.prune`."""


class Incident(TypedDict):
    """One document of `gemtap_events`."""

    _id: ObjectId
    at: datetime
    """When it began."""
    until: datetime | None
    """When it was over, or happened last; None where that is not known."""
    kind: str
    count: int
    """How many exchanges it concerns."""
    message: str
    """What happened, in words."""
    details: dict[str, Any]
    """Of what was lost `causes`, each with its `count`; of one exchange its id as `interaction`."""


def now() -> datetime:
    """This moment, as an incident holds one."""
    return to_milliseconds(datetime.now(UTC))


def to_line(incident: Incident) -> bytes:
    """The incident as a line of JSON, without its id: the file that it stands in is named by that."""
    plain = {name: value for name, value in incident.items() if name != "_id"}
    return json.dumps(plain, default=_plain).encode("ascii") + b"\n"


def from_line(id_: ObjectId, line: bytes) -> Incident:
    """The incident that `to_line` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    read = json.loads(line)
    until = read["until"]
    return {
        "_id": id_,
        "at": _moment(read["at"]),
        "until": None if until is None else _moment(until),
        "kind": str(read["kind"]),
        "count": int(read["count"]),
        "message": str(read["message"]),
        "details": dict(read["details"]),
    }


def _plain(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
