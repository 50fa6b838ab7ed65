"""Selects the interactions to export."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

from gemtap.exporters.base import ExportOptions, Part, Report
from gemtap.exporters.last_turns import LastTurns
from gemtap.interaction import Interaction, Outcome
from gemtap.providers.documents import conversation_of, ended_well
from gemtap.stores.base import Store
from gemtap.stores.paging import batches

_PAGE: Final = 500

_NOT_LAST: Final = "not the last turn of its conversation"
_DELETED: Final = "deleted meanwhile"
NO_CONVERSATION: Final = "no conversation"


async def matching(
    store: Store, wanted: ExportOptions, report: Report, *, bodies: bool = True
) -> AsyncIterator[Interaction]:
    """The matching documents, oldest first. Without `bodies`, bodies are not read."""
    async for document in store.scan(wanted.where) if bodies else _without_bodies(store, wanted):
        report.read += 1
        yield document


async def _without_bodies(store: Store, wanted: ExportOptions) -> AsyncIterator[Interaction]:
    async for batch in batches(store, wanted.where, size=_PAGE):
        for item in batch:
            yield cast(Interaction, item)


async def for_training(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Interaction]:
    """The matching documents that are fit for training, whole, oldest first.

    Only the last turn of each conversation that ended well is included, unless `every_turn` is set.
    """
    if wanted.every_turn:
        async for document in matching(store, wanted, report):
            reason = not_trainable(document)
            if reason is None:
                yield document
            else:
                report.left_out[reason] += 1
        return
    with LastTurns() as turns:
        async for batch in batches(store, wanted.where, order="newest", size=_PAGE):
            for summary in batch:
                report.read += 1
                reason = not_trainable(summary) or await _not_last(store, turns, summary)
                if reason is not None:
                    report.left_out[reason] += 1
        for id_ in turns.oldest_first():
            whole = await store.get(id_)
            if whole is None:
                report.left_out[_DELETED] += 1
            else:
                yield whole


async def _not_last(store: Store, turns: LastTurns, summary: Mapping[str, Any]) -> str | None:
    """Offer an interaction, and count the reason if it is rejected."""
    if summary["thread"]:
        return None if turns.offer_turn(summary) else _NOT_LAST
    whole = await store.get(summary["_id"])
    if whole is None:
        return _DELETED
    conversation = conversation_of(whole)
    if conversation is None:
        return NO_CONVERSATION
    return None if turns.offer(summary["_id"], conversation) else _NOT_LAST


def not_trainable(document: Mapping[str, Any]) -> str | None:
    """Why an interaction is unfit for training, or None."""
    response = document["response"]
    if document["outcome"] != Outcome.COMPLETE or response is None:
        return "the answer is incomplete"
    if document["error"] is not None or response["status"] >= 400:
        return "failed"
    if not ended_well(document):
        return f"the answer was truncated ({document['finish_reason']})"
    return None


def part_of(conversation: bytes, split: float | None) -> Part:
    """The part of a split set that a conversation belongs to: the same for its key in every export."""
    if split is None:
        return "train"
    place = int.from_bytes(hashlib.blake2b(conversation, digest_size=8).digest()) / 2**64
    return "train" if place < split else "validation"
