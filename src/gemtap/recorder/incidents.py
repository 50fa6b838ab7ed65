"""What happens to recording itself: written down at once, and stored when the store can take it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from bson import ObjectId

from gemtap.capture.spool import INCIDENT_SUFFIX, Spool, id_of, private
from gemtap.incident import Incident, IncidentKind, from_line, now, to_line
from gemtap.stores.base import Store

_log = logging.getLogger(__name__)

DAMAGED_SUFFIX: Final = ".damaged"

_AT_ONCE: Final = 500
"""Incidents that are stored in one go."""


class IncidentLog:
    """The incidents of one spool: files in `incidents/`, each until it is stored."""

    def __init__(self, spool: Spool) -> None:
        self._folder = spool.incidents
        self._outage: Incident | None = None

    def note(self, kind: IncidentKind, id_: ObjectId | None, message: str, **details: Any) -> None:
        """Something happened to one exchange. The incident has its id: told again, it is the same one."""
        at = now()
        self._keep(
            {
                "_id": id_ or ObjectId(),
                "at": at,
                "until": at,
                "kind": kind,
                "count": 1,
                "message": message,
                "details": details,
            }
        )

    def outage(self, reason: str) -> None:
        """The store takes nothing, still or from now on."""
        if self._outage is None or self._outage["message"] != reason:
            begun = self._outage or self._left_open()
            self._outage = {
                "_id": begun["_id"] if begun else ObjectId(),
                "at": begun["at"] if begun else now(),
                "until": None,
                "kind": IncidentKind.STORE_OUTAGE,
                "count": 0,
                "message": reason,
                "details": {},
            }
            self._keep(self._outage)

    def outage_over(self, waiting: int) -> None:
        """The store accepts records again; `waiting` captures waited for it."""
        if self._outage is not None:
            self._keep({**self._outage, "until": now(), "count": waiting})
            self._outage = None

    async def hand_over(self, store: Store) -> None:
        """Store what is noted. Raises StoreError."""
        found = {
            path: incident for path in sorted(self._folder.glob(f"*{INCIDENT_SUFFIX}")) for incident in _read(path)
        }
        for start in range(0, len(found), _AT_ONCE):
            some = dict(list(found.items())[start : start + _AT_ONCE])
            # An outage that a recorder before this one did not see the end of is over: the store takes this.
            await store.incidents.put([{**each, "until": each["until"] or now()} for each in some.values()])
            for path in some:
                path.unlink(missing_ok=True)

    def _left_open(self) -> Incident | None:
        """The outage during which a recorder before this one ended."""
        for path in self._folder.glob(f"*{INCIDENT_SUFFIX}"):
            for incident in _read(path):
                if incident["kind"] == IncidentKind.STORE_OUTAGE and incident["until"] is None:
                    return incident
        return None

    def _keep(self, incident: Incident) -> None:
        path = self._folder / f"{incident['_id']}{INCIDENT_SUFFIX}"
        written = path.with_suffix(".new")
        try:
            with open(written, "wb", opener=private) as file:
                file.write(to_line(incident))
            written.replace(path)
        except OSError as exc:
            # The log has said it.
            _log.warning("An incident cannot be noted: %s", exc)


def _read(path: Path) -> list[Incident]:
    try:
        id_ = id_of(path.name.removesuffix(INCIDENT_SUFFIX))
        return [] if id_ is None else [from_line(id_, path.read_bytes())]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as exc:
        # Not synced when it was written: a power cut may leave it empty.
        damaged = path.with_suffix(DAMAGED_SUFFIX)
        _log.warning("%s is no incident (%s), and is kept as %s.", path, exc, damaged.name)
        path.rename(damaged)
        return []
