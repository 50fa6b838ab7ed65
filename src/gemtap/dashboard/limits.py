"""Limits and their usage, as far as they concern whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from gemtap.dashboard.scope import is_nobody, visible_owner
from gemtap.incident import Incident
from gemtap.limits.ledger_readings import Usage
from gemtap.limits.limits import Limit, Measure, Subject
from gemtap.limits.windows import Span


class Limiting(Protocol):
    """The limits of this Gemtap (see `gemtap.desk.limiting`)."""

    def usages(self) -> Sequence[Usage]:
        """How much of each limit is used now."""
        ...

    def is_user(self, name: str) -> bool:
        """Whether there is an access key of this name, whatever its case."""
        ...

    async def set(
        self, subject: Subject, measure: Measure, amount: int, span: Span | None, *, user: str | None
    ) -> None:
        """Set a limit for `subject`, as `user`. Raises BadLimit, OSError and StoreError."""
        ...

    async def unset(self, id_: int, *, user: str | None) -> bool:
        """Remove the limit with this id; False if there is none. Raises OSError and StoreError."""
        ...


def concerns(limit: Limit) -> bool:
    """Whether whoever asks may be refused by it, or sees everything. Members do not see limits of other users."""
    owner = visible_owner()
    return owner is None or limit.scope != "user" or limit.pattern.lower() == owner.lower()


def visible(usages: Iterable[Usage]) -> list[Usage]:
    """Those that concern whoever asks."""
    return [each for each in usages if concerns(each.limit)]


def warns_whoever_asks(event: Incident) -> bool:
    """Whether a warning is open to whoever asks: members see those of everybody and their own, others none."""
    if is_nobody():
        return False
    owner, concerned = visible_owner(), event["details"].get("concerns")
    return owner is None or concerned is None or str(concerned).lower() == owner.lower()
