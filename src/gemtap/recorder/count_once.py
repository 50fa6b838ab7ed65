"""Runs in the background are counted once: by the look-up that is the first to see how one has ended.

What creates a run in the background, or is cut off before its end, reports no usage. The look-ups that follow all
report the same. Other look-ups report what the creation has reported already, or what ran without Gemtap: they count
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from gemtap.interaction import NO_TOKENS, Interaction
from gemtap.json_access import as_dict, as_text
from gemtap.providers.documents import tells_later, told_later_operations
from gemtap.recorder.fingerprint import named_link
from gemtap.stores.base import Record, Store
from gemtap.stores.links import Before
from gemtap.stores.place import Place, place_of
from gemtap.stores.query.filter import Condition, Filter, Is, IsSet

_AT_ONCE: Final = 200


async def count_once(store: Store, records: Sequence[Record]) -> list[Record]:
    """The records, without tokens and cost where a look-up reports what is counted elsewhere.

    Raises StoreUnavailable.
    """
    lookups = sorted(
        (each.document for each in records if _reports(each.document) and tells_later(each.document)), key=place_of
    )
    if not lookups:
        return list(records)
    created = [each.document for each in records if not tells_later(each.document)]
    counted: set[str] = set()
    uncounted = set()
    for document in lookups:
        name = run_of(document)
        if name is None or name in counted or not await _is_first(store, document, name, created):
            uncounted.add(document["_id"])
        else:
            counted.add(name)
    return [_without_tokens(each) if each.document["_id"] in uncounted else each for each in records]


def has_place(record: Record) -> bool:
    """Whether it is a turn of its conversation. A look-up is one only if it counts: the others say the same again."""
    return not tells_later(record.document) or _reports(record.document)


def run_of(document: Interaction) -> str | None:
    """The API's own id of the run that an exchange began, or looked up."""
    response = document["response"]
    return as_text(as_dict(response["body"]).get("id")) if response is not None else None


def _reports(document: Interaction) -> bool:
    return any(number is not None for number in document["tokens"].values())


async def _is_first(store: Store, document: Interaction, name: str, created: Sequence[Interaction]) -> bool:
    """Whether no exchange before has reported the tokens of this run, and one has begun it."""
    creation = next((each for each in created if run_of(each) == name), None)
    if creation is None:
        (found,) = await store.links.before([Before(named_link(name), place_of(document))])
        creation = None if found is None else await store.get(found.id)
    if creation is None or _reports(creation):
        return False
    operations = tuple(Is(operation) for operation in sorted(told_later_operations()))
    reported = Filter(Condition("operation", operations), Condition("tokens", (IsSet(),)), since=creation["timestamp"])
    place: Place | None = None
    while True:
        items = await store.list(reported, after=place, limit=_AT_ONCE)
        if any(item["_id"] != document["_id"] and _names(item["request"]["path"], name) for item in items):
            return False
        if len(items) < _AT_ONCE:
            return True
        place = place_of(items[-1])


def _names(path: str, name: str) -> bool:
    """Whether the path of a look-up names the run: `.../interactions/ID`, `.../interactions/ID/cancel`."""
    return name in map(unquote, path.split("/"))


def _without_tokens(record: Record) -> Record:
    return replace(record, document={**record.document, "tokens": NO_TOKENS.copy(), "cost": None})
