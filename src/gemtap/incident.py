"""The incident: a failure of recording, as one document of `gemtap_events`.

Traffic never waits for its record. An incident says what could not be recorded, when and why. It is counted on the
disk at first, and stored like an interaction as soon as the store accepts it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypedDict

from bson import ObjectId

from gemtap.interaction import iso, to_milliseconds


class IncidentKind(StrEnum):
    """Kinds of incidents."""

    CAPTURES_LOST = "captures_lost"
    """Exchanges whose capture could not be written, or not completely. Traffic continued."""
    CAPTURES_UNSYNCED = "captures_unsynced"
    """Captures that the disk failed to write. They are recorded all the same unless the machine loses power first."""
    REQUESTS_REFUSED = "requests_refused"
    """Requests refused because they could not be captured (`when_full = refuse`)."""
    STRANGERS_REFUSED = "strangers_refused"
    """Requests without a valid access key beyond those that are recorded one by one (see `gemtap.tap.strangers`)."""
    LIMITS_REFUSED = "limits_refused"
    """Requests for which a limit had no room, beyond those that are recorded one by one."""
    STORE_OUTAGE = "store_outage"
    """The store accepted nothing. Captures waited in the spool."""
    CAPTURE_FAILED = "capture_failed"
    """A capture that can never be stored. It was moved to `failed/`."""
    PARSE_FAILED = "parse_failed"
    """An exchange that its provider could not parse. Its exact bytes are stored."""
    STORE_DAMAGED = "store_damaged"
    """Something in the store is unreadable. Nothing in it is freed or compacted until it is repaired."""
    PRUNED = "pruned"
    """Interactions that pruning deleted (see `gemtap.upkeep.prune`)."""
    ACCESS_CHANGED = "access_changed"
    """An access key was made, replaced or revoked."""
    LIMITS_CHANGED = "limits_changed"
    """A limit was set or removed."""
    LIMIT_WARNING = "limit_warning"
    """Usage reached 50, 80 or 100 % of a limit."""
    UNUSUAL_RATE = "unusual_rate"
    """A client sends the same request again and again, or a context that grows and grows."""
    SIGNED_IN = "signed_in"
    """Somebody signed in on the dashboard."""
    SIGNED_OUT = "signed_out"
    """Somebody signed out."""
    SIGN_IN_REFUSED = "sign_in_refused"
    """Somebody tried to sign in with a key that is not valid."""


WARNINGS: Final = frozenset({IncidentKind.LIMIT_WARNING, IncidentKind.UNUSUAL_RATE})
"""Kinds of which people are told at once. `details.concerns` names the only user whom one concerns."""


class Incident(TypedDict):
    """One document of `gemtap_events`."""

    _id: ObjectId
    at: datetime
    """Start of the incident."""
    until: datetime | None
    """End of the incident, or its last occurrence. None if unknown."""
    kind: str
    count: int
    """Number of exchanges that it affects."""
    message: str
    """What happened, for people."""
    details: dict[str, Any]
    """`causes` with the `count` of each, if exchanges were lost; `interaction`, the id, if it affects one exchange."""


def now() -> datetime:
    """The current time, in the precision of an incident."""
    return to_milliseconds(datetime.now(UTC))


def event(kind: IncidentKind, message: str, user: str | None) -> Incident:
    """Who did what, as an incident of this moment that affects no exchange."""
    moment = now()
    return {
        "_id": ObjectId(),
        "at": moment,
        "until": moment,
        "kind": kind,
        "count": 0,
        "message": message,
        "details": {} if user is None else {"user": user},
    }


def to_line(incident: Incident) -> bytes:
    """The incident as a line of JSON, without its id, which names the file."""
    plain = {name: value for name, value in incident.items() if name != "_id"}
    return json.dumps(plain, default=_plain).encode("ascii") + b"\n"


def from_line(id_: ObjectId, line: bytes) -> Incident:
    """Parse a line of `to_line`. Raises ValueError, KeyError or TypeError for any other line."""
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
