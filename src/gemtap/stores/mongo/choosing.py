"""Chooses the index of a list if the choice depends on the stored values."""

from __future__ import annotations

from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from gemtap.stores.base import Filter
from gemtap.stores.mongo.hinting import Index
from gemtap.stores.mongo.queries import LISTED, index_for, is_listed, is_steering, selection

_FEW: Final = 100
_RARE: Final = 1_000
"""A value is rare if at most `_FEW` interactions, or one in `_RARE`, have it."""


async def choose_index(interactions: AsyncCollection[Any], where: Filter) -> Index | None:
    """The index to use as hint. None if the planner chooses well.

    Given several conditions, the planner uses the index of one of them, and reads each document for the others. That
    is right if one of the values is rare. Otherwise a scan of the index `LISTED` soon finds enough matches, and needs
    no documents.
    """
    # Every index has the time.
    terms = [term for term in where.terms if term.field != "time"]
    steering = [term for term in terms if is_steering(term)]
    if not steering or len(terms) == 1 or not is_listed(where):
        return index_for(where)
    rare = max(_FEW, await interactions.estimated_document_count() // _RARE)
    for term in steering:
        if await interactions.count_documents(selection(Filter(term)), limit=rare) < rare:
            return None
    return LISTED
