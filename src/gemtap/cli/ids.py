"""Ids on the command line: whole, their first or last digits, or `last`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gemtap.cli.app import Failed

if TYPE_CHECKING:
    from bson import ObjectId

    from gemtap.stores.base import Store

InteractionId = Annotated[
    str,
    typer.Argument(metavar="ID", help="Id of an interaction, its first or last digits, or `last`: see `gemtap ls`."),
]

SHORT: Final = 6
"""Last digits of an id in narrow tables. First digits are times: requests of one second share eight of them."""

_WHOLE: Final = 24
_PART: Final = re.compile(r"[0-9a-f]{4,23}")
_MOST_LISTED: Final = 5
_RECENT: Final = 500
"""Latest interactions whose last digits are compared: a list shows no more."""


async def resolve(store: Store, word: str) -> ObjectId:
    """The id that a word of the command line stands for. A whole id need not exist. Raises Failed."""
    from bson import ObjectId

    from gemtap.stores.base import Filter

    if ObjectId.is_valid(word):
        return ObjectId(word)
    if word == "last":
        latest = await store.list(Filter(), limit=1)
        if not latest:
            raise Failed("Nothing is recorded yet.")
        return ObjectId(latest[0]["_id"])
    if not _PART.fullmatch(word.lower()):
        raise Failed(f"{word} is not an id: ids have 24 hexadecimal digits. `gemtap ls` lists them.")
    found = await _beginning(store, word.lower()) or await _ending(store, word.lower())
    if not found:
        raise unknown(word)
    if len(found) > 1:
        some = ", ".join(map(str, found[:_MOST_LISTED])) + (", …" if len(found) > _MOST_LISTED else "")
        raise Failed(f"{word} matches more than one interaction: {some}. Give more digits.")
    return found[0]


def unknown(word: object) -> Failed:
    """The error for an unknown interaction."""
    return Failed(f"There is no interaction {word}. `gemtap ls` lists them.")


async def _beginning(store: Store, digits: str) -> list[ObjectId]:
    from bson import ObjectId

    from gemtap.stores.base import Filter
    from gemtap.stores.query.filter import Condition, Within

    bounds = Within(at_least=ObjectId(digits.ljust(_WHOLE, "0")), at_most=ObjectId(digits.ljust(_WHOLE, "f")))
    items = await store.list(Filter(Condition("id", (bounds,))), limit=_MOST_LISTED + 1)
    return [item["_id"] for item in items]


async def _ending(store: Store, digits: str) -> list[ObjectId]:
    from gemtap.stores.base import Filter

    items = await store.list(Filter(), limit=_RECENT)
    return [item["_id"] for item in items if str(item["_id"]).endswith(digits)]
