"""Settlements of limits, in a collection of their own: a document an interaction, which MongoDB deletes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ReadPreference

from gemtap.stores.limit_usage import LimitShare, Settlement, Sums, WindowKey, add_shares, changes_between
from gemtap.stores.mongo.collections import Collections
from gemtap.stores.mongo.errors import translated
from gemtap.stores.mongo.inserting import insert_absent


class MongoLimitUsage:
    """See `gemtap.stores.limit_usage.LimitUsage`."""

    def __init__(self, collections: Collections, description: str) -> None:
        self._collections = collections
        self._primary = collections.limit_usage.with_options(read_preference=ReadPreference.PRIMARY)
        self._description = description

    async def settle(self, ledger: str, settlements: Sequence[Settlement]) -> Mapping[WindowKey, Sums]:
        """Store settlements, and return by how much the sums have changed."""
        changed: dict[WindowKey, Sums] = {}
        if not settlements:
            return changed
        with translated(self._description):
            await self._collections.create()
            present = set(await insert_absent(self._primary, [_document(ledger, each) for each in settlements]))
            for position, each in enumerate(settlements):
                if position not in present:
                    add_shares(changed, each.shares)
                elif each.is_final:
                    await self._replace(ledger, each, changed)
        return changed

    async def sums(self, ledger: str, at: datetime) -> Mapping[WindowKey, Sums]:
        """The sums of all windows that have not ended by then."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"ledger": ledger, "ends": {"$gt": at}}},
            {"$unwind": "$shares"},
            {"$match": {"shares.ends": {"$gt": int(at.timestamp())}}},
            {
                "$group": {
                    "_id": {"limit": "$shares.limit", "start": "$shares.start"},
                    "reserved": {"$sum": "$shares.reserved"},
                    "used": {"$sum": "$shares.used"},
                }
            },
        ]
        with translated(self._description):
            found = await (await self._primary.aggregate(pipeline)).to_list()
        return {
            WindowKey(each["_id"]["limit"], int(each["_id"]["start"])): Sums(int(each["reserved"]), int(each["used"]))
            for each in found
        }

    async def _replace(self, ledger: str, settlement: Settlement, changed: dict[WindowKey, Sums]) -> None:
        """Put a settlement in the place of the present one, unless that is final."""
        old = await self._primary.find_one_and_replace(
            {"_id": settlement.interaction, "final": False}, _document(ledger, settlement)
        )
        if old is not None:
            for window, change in changes_between(_shares(old), settlement.shares).items():
                add_shares(changed, [LimitShare(window, 0, change)])


def _document(ledger: str, settlement: Settlement) -> dict[str, Any]:
    return {
        "_id": settlement.interaction,
        "ledger": ledger,
        "ends": datetime.fromtimestamp(settlement.ends, UTC),
        "final": settlement.is_final,
        "shares": [
            {
                "limit": each.window.limit,
                "start": each.window.start,
                "ends": each.ends,
                "reserved": each.sums.reserved,
                "used": each.sums.used,
            }
            for each in settlement.shares
        ],
    }


def _shares(document: Mapping[str, Any]) -> list[LimitShare]:
    return [
        LimitShare(
            WindowKey(each["limit"], int(each["start"])),
            int(each["ends"]),
            Sums(int(each["reserved"]), int(each["used"])),
        )
        for each in document["shares"]
    ]
