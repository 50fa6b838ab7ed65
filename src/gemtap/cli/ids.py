"""Ids on the command line, of interactions and threads: whole, their first or last digits, or `last`."""

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
    return _only(word, "interaction", found)


async def resolve_thread(store: Store, word: str) -> ObjectId:
    """The id of the thread that a part of an id stands for, its own or that of one of its turns. Raises Failed."""
    from gemtap.stores.base import Filter

    digits = word.lower()
    ids = [item["id"] for item in (await store.threads(Filter(), limit=_RECENT)).items]
    of_threads = [each for each in ids if str(each).startswith(digits)]
    of_threads = of_threads or [each for each in ids if str(each).endswith(digits)]
    if of_threads:
        return _only(word, "thread", of_threads)
    try:
        turn = await store.get(await resolve(store, word))
    except NoSuch:
        turn = None
    if turn is None or turn["thread"] is None:
        raise Failed(f"There is no thread {word}, and no turn of one. `gemtap threads` lists threads.")
    return turn["thread"]["id"]


def is_part(word: str) -> bool:
    """Whether a word may stand for an id without being one."""
    return word == "last" or _PART.fullmatch(word.lower()) is not None


def _only(word: str, what: str, found: list[ObjectId]) -> ObjectId:
    if len(found) > 1:
        some = ", ".join(map(str, found[:_MOST_LISTED])) + (", …" if len(found) > _MOST_LISTED else "")
        raise Failed(f"{word} matches more than one {what}: {some}. Give more digits.")
    return found[0]


class NoSuch(Failed):
    """There is no such interaction."""


def unknown(word: object) -> NoSuch:
    """The error for an unknown interaction."""
    return NoSuch(f"There is no interaction {word}. `gemtap ls` lists them.")


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
