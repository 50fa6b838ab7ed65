"""Runs in the background and batches are counted once, however often somebody asks what has become of them.

What creates a run in the background, or is cut off before its end, reports no usage. The look-ups that follow all
report the same: the first that sees how the run has ended is counted. Other look-ups report what the creation has
reported already, or what ran without Gemtap: they count nothing.

Results of a batch come as often as they are downloaded, or as somebody looks up the batch that holds them. The first
complete download is counted, also of a batch that was created without Gemtap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from bson import ObjectId

from gemtap.interaction import NO_TOKENS, Interaction, Outcome
from gemtap.json_access import as_dict, as_text
from gemtap.providers.documents import brings_results, tells_later, told_later_operations
from gemtap.recorder.fingerprint import link_of_user, named_link
from gemtap.stores.base import Record, Store
from gemtap.stores.links import Before
from gemtap.stores.place import Place, place_of
from gemtap.stores.query.filter import Condition, Filter, Is, IsSet

_AT_ONCE: Final = 200


async def count_once(store: Store, records: Sequence[Record]) -> list[Record]:
    """The records, without tokens and cost where a look-up reports what is counted elsewhere.

    Raises StoreUnavailable.
    """
    reporting = sorted((each.document for each in records if _reports(each.document)), key=place_of)
    uncounted = await _repeated_lookups(store, records, [each for each in reporting if tells_later(each)])
    uncounted |= await _repeated_results(store, [each for each in reporting if brings_results(each)])
    return [_without_tokens(each) if each.document["_id"] in uncounted else each for each in records]


async def _repeated_lookups(store: Store, records: Sequence[Record], lookups: Sequence[Interaction]) -> set[ObjectId]:
    """The look-ups of runs in the background that report what is counted elsewhere."""
    created = [each.document for each in records if not tells_later(each.document)] if lookups else []
    counted: set[str] = set()
    uncounted = set()
    for document in lookups:
        name = run_of(document)
        if name is None or name in counted or not await _is_first(store, document, name, created):
            uncounted.add(document["_id"])
        else:
            counted.add(name)
    return uncounted


async def _repeated_results(store: Store, downloads: Sequence[Interaction]) -> set[ObjectId]:
    """The downloads of results that broke off, or whose results another one has counted."""
    counted: set[tuple[str, ...]] = set()
    uncounted = set()
    for document in downloads:
        results = _results_of(document)
        is_whole = document["outcome"] == Outcome.COMPLETE
        if not is_whole or results in counted or await _has_results(store, document, results):
            uncounted.add(document["_id"])
        else:
            counted.add(results)
    return uncounted


def _results_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What names the results: the provider and the end of the path, such as `files/ID:download`, after any version."""
    return (document["provider"], *map(unquote, document["request"]["path"].rstrip("/").split("/")[-2:]))


async def _has_results(store: Store, document: Interaction, results: tuple[str, ...]) -> bool:
    """Whether another stored exchange has counted these results."""
    counted = Filter(
        Condition("provider", (Is(document["provider"]),)),
        Condition("operation", (Is(document["operation"]),)),
        Condition("tokens", (IsSet(),)),
    )
    return await _finds(store, counted, document, lambda item: _results_of(item) == results)


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
        link = link_of_user(named_link(name), document["client"]["user"])
        (found,) = await store.links.before([Before(link, place_of(document))])
        creation = None if found is None else await store.get(found.id)
    if creation is None or _reports(creation):
        return False
    operations = tuple(Is(operation) for operation in sorted(told_later_operations()))
    reported = Filter(Condition("operation", operations), Condition("tokens", (IsSet(),)), since=creation["timestamp"])
    return not await _finds(store, reported, document, lambda item: _names(item["request"]["path"], name))


async def _finds(
    store: Store, wanted: Filter, document: Interaction, matches: Callable[[Mapping[str, Any]], bool]
) -> bool:
    """Whether the store has an interaction that matches, beside the document itself."""
    place: Place | None = None
    while True:
        items = await store.list(wanted, after=place, limit=_AT_ONCE)
        if any(item["_id"] != document["_id"] and matches(item) for item in items):
            return True
        if len(items) < _AT_ONCE:
            return False
        place = place_of(items[-1])


def _names(path: str, name: str) -> bool:
    """Whether the path of a look-up names the run: `.../interactions/ID`, `.../interactions/ID/cancel`."""
    return name in map(unquote, path.split("/"))


def _without_tokens(record: Record) -> Record:
    return replace(record, document={**record.document, "tokens": NO_TOKENS.copy(), "cost": None})
