"""Settlements of limits, in a table of their own: a row for each interaction and limit."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from gemtap.stores.limit_usage import LimitShare, Settlement, Sums, WindowKey, add_shares, changes_between
from gemtap.stores.sqlite.connections import Run, transaction


class SqliteLimitUsage:
    """See `gemtap.stores.limit_usage.LimitUsage`. A database has one Gemtap, so the ledger's id does not matter."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def settle(self, ledger: str, settlements: Sequence[Settlement]) -> Mapping[WindowKey, Sums]:
        """Store settlements in one transaction, and return by how much the sums have changed."""
        if not settlements:
            return {}
        now = int(datetime.now(UTC).timestamp())
        return await self._write(partial(_settle, settlements=settlements, now=now))

    async def sums(self, ledger: str, at: datetime) -> Mapping[WindowKey, Sums]:
        """The sums of all windows that have not ended by then."""
        return await self._read(partial(_sums, at=int(at.timestamp())))


def _settle(connection: sqlite3.Connection, settlements: Sequence[Settlement], now: int) -> dict[WindowKey, Sums]:
    changed: dict[WindowKey, Sums] = {}
    with transaction(connection, "IMMEDIATE"):
        for each in settlements:
            _settle_one(connection, each, changed)
        # Nobody asks for windows that are over.
        connection.execute("DELETE FROM gemtap_limit_usage WHERE ends <= ?", (now,))
    return changed


def _settle_one(connection: sqlite3.Connection, settlement: Settlement, changed: dict[WindowKey, Sums]) -> None:
    id_ = settlement.interaction.binary
    stored = connection.execute(
        "SELECT limit_id, window_start, ends, reserved, used, final FROM gemtap_limit_usage WHERE interaction = ?",
        (id_,),
    ).fetchall()
    if any(is_final for *_, is_final in stored) or (stored and not settlement.is_final):
        return
    old = [
        LimitShare(WindowKey(limit, start), ends, Sums(reserved, used))
        for limit, start, ends, reserved, used, _ in stored
    ]
    connection.execute("DELETE FROM gemtap_limit_usage WHERE interaction = ?", (id_,))
    connection.executemany(
        "INSERT INTO gemtap_limit_usage (interaction, limit_id, window_start, ends, reserved, used, final)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(id_, *share.window, share.ends, *share.sums, settlement.is_final) for share in settlement.shares],
    )
    for window, change in changes_between(old, settlement.shares).items():
        add_shares(changed, [LimitShare(window, 0, change)])


def _sums(connection: sqlite3.Connection, at: int) -> dict[WindowKey, Sums]:
    rows = connection.execute(
        "SELECT limit_id, window_start, sum(reserved), sum(used) FROM gemtap_limit_usage WHERE ends > ? GROUP BY 1, 2",
        (at,),
    )
    return {WindowKey(limit, start): Sums(reserved, used) for limit, start, reserved, used in rows}
