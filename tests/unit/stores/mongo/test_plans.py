"""How MongoDB answers what the store really sends: by way of an index, always."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Final, get_args

import pytest
from bson import ObjectId
from pymongo import MongoClient, monitoring

from gemtap.stores.base import Filter, Store
from gemtap.stores.following import Follower
from gemtap.stores.links import After, Move
from gemtap.stores.mongo import MongoStore
from gemtap.stores.opening import open_store
from gemtap.stores.paging import page_of
from gemtap.stores.place import Place, just_before, place_of
from gemtap.stores.query.fields import FIELDS
from gemtap.stores.query.parsing import parse
from gemtap.stores.sorting import SortKey, sorted_place_of
from gemtap.stores.statistics import Bucket, By
from gemtap.stores.thread_list import ThreadSort
from tests.contract.test_incidents import incident
from tests.contract.test_statistics import varied
from tests.contract.test_tools import using_tools
from tests.mongod import Mongod
from tests.records import NOON, at_the_end

pytestmark = pytest.mark.anyio

NOW: Final = NOON + timedelta(days=1)

_SESSION: Final = {"lsid", "txnNumber", "$clusterTime", "$readPreference", "$db", "writeConcern", "ordered"}
_EXPLAINED: Final = ("find", "aggregate", "count", "distinct", "update", "delete")


class Overheard(monitoring.CommandListener):
    """The commands that clients send to servers while anybody listens."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.commands is not None and event.command_name in _EXPLAINED:
            self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


OVERHEARD: Final = Overheard()
monitoring.register(OVERHEARD)  # clients that are made later have it


@contextmanager
def overheard() -> Iterator[list[dict[str, Any]]]:
    """What is sent meanwhile."""
    commands: list[dict[str, Any]] = []
    OVERHEARD.commands = commands
    try:
        yield commands
    finally:
        OVERHEARD.commands = None


@asynccontextmanager
async def filled_store(url: str) -> AsyncIterator[Store]:
    store = open_store(url)
    await store.open()
    await store.put(varied(300))
    yield store
    await store.close()


@pytest.fixture
async def store(mongod_url: str) -> AsyncIterator[Store]:
    """A store with a few hundred interactions of forty days."""
    async with filled_store(mongod_url) as store:
        yield store


@pytest.fixture(scope="module")
def filled_url(mongod: Mongod) -> Iterator[str]:
    """The address of a database that tests share which change nothing."""
    database = f"plans_{ObjectId()}"
    yield f"{mongod.url}/{database}"
    with MongoClient[dict[str, Any]](mongod.url) as client:
        client.drop_database(database)


@pytest.fixture(scope="module")
async def filled(filled_url: str) -> AsyncIterator[Store]:
    """A store with as many interactions in that database."""
    async with filled_store(filled_url) as store:
        yield store


def stages(commands: list[dict[str, Any]], url: str) -> set[str]:
    """Every stage of the plan of every command."""
    assert commands, "nothing was sent"
    found: set[str] = set()
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        for command in commands:
            asked = {name: value for name, value in command.items() if name not in _SESSION}
            # Writes come in batches, and are explained one by one.
            batch = next((name for name in ("updates", "deletes") if name in asked), None)
            for one in [{**asked, batch: [each]} for each in asked[batch]] if batch else [asked]:
                plan = database.command({"explain": one, "verbosity": "queryPlanner"})
                found |= set(_stages(plan))
    return found


def _stages(plan: Any) -> Iterator[str]:
    match plan:
        case {"rejectedPlans": _, **rest}:
            yield from _stages(rest)
        case dict():
            if isinstance(plan.get("stage"), str):
                yield plan["stage"]
            for value in plan.values():
                yield from _stages(value)
        case list():
            for value in plan:
                yield from _stages(value)


@pytest.mark.parametrize("field", FIELDS)
async def test_lists_go_through_an_index_in_the_order_of_time(filled: Store, filled_url: str, field: str) -> None:
    """Whichever field they are filtered by: nothing is read to be sorted."""
    for query in (FIELDS[field].example, f"-{FIELDS[field].example}", f"{FIELDS[field].example} since:2026-02-01"):
        where = parse(query, NOW)
        with overheard() as commands:
            page = await page_of(filled, where, limit=10)
            await page_of(filled, where, limit=10, cursor=page.next)
            [document async for document in filled.scan(where)]
        used = stages(commands, filled_url)
        assert "IXSCAN" in used or "IDHACK" in used, query
        assert "COLLSCAN" not in used, query
        if not (field == "id" and query.startswith("id")):
            assert "SORT" not in used, query


@pytest.mark.parametrize("by", get_args(SortKey))
async def test_sorted_lists_and_facets_read_no_documents(filled: Store, filled_url: str, by: SortKey) -> None:
    """They sort and count what the index `LISTED` has."""
    with overheard() as commands:
        for query in ("", "model:gemini-2.5-pro since:2026-02-01", "cost:>0 -client:cline"):
            where = parse(query, NOW)
            first = await filled.sorted_list(where, by, limit=3)
            await filled.sorted_list(where, by, after=sorted_place_of(first[-1], by), limit=3)
            await filled.facets(where)
    # The rows are in a collection of their own.
    used = stages([each for each in commands if each.get("find") != "gemtap_rows"], filled_url)
    assert "COLLSCAN" not in used
    assert "FETCH" not in used


@pytest.mark.parametrize(
    "query",
    [
        *("", "since:2026-03-01", "model:gemini-2.5-pro", "client:cline outcome:complete", "error:yes", "-error:yes"),
        *("tokens:>100k", "model:gemini-* cost:>0.1", "-model:gpt-5 duration:>1s", "thread:* status:200"),
    ],
)
async def test_lists_read_no_documents(store: Store, mongod_url: str, query: str) -> None:
    """Documents have their bodies in them: pages come from indexes and rows, but for what is annotated."""
    where = parse(query, NOW)
    await set_annotations_aside(mongod_url)
    with overheard() as commands:
        page = await page_of(store, where, limit=5)
        await page_of(store, where, limit=5, cursor=page.next)
        await store.list(where, order="oldest", limit=5, after=place_of(page.items[-1]))
        await store.list(Filter(), order="recorded", after=just_before(NOON), limit=5)
        for sort in get_args(ThreadSort):
            await store.threads(where, limit=2, sort=sort)
    assert read_documents(commands, mongod_url) == 0


async def set_annotations_aside(url: str) -> None:
    """Take all tags and ratings away, by hand."""
    with MongoClient[dict[str, Any]](url) as client:
        client.get_default_database()["gemini_interactions"].update_many({}, {"$set": {"tags": [], "rating": None}})


def read_documents(commands: list[dict[str, Any]], url: str) -> int:
    """How many documents of interactions the commands have the server read."""
    read = 0
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        for command in commands:
            if "gemini_interactions" in command.values():
                asked = {name: value for name, value in command.items() if name not in _SESSION}
                told = database.command({"explain": asked, "verbosity": "executionStats"})
                figures = told.get("executionStats") or told["stages"][0]["$cursor"]["executionStats"]
                read += figures["totalDocsExamined"]
    return read


@pytest.mark.parametrize("query", ["rayleigh", "rayl*", '"sky blue"', "rayleigh since:2026-03-01", "-rayleigh"])
async def test_searches_go_through_an_index(filled: Store, filled_url: str, query: str) -> None:
    """Searches use an index."""
    with overheard() as commands:
        await page_of(filled, parse(query, NOW), limit=10)
    used = stages(commands, filled_url)
    assert "IXSCAN" in used
    assert "COLLSCAN" not in used


async def test_following_goes_through_an_index(filled: Store, filled_url: str) -> None:
    """Polls for new interactions use an index."""
    with overheard() as commands:
        follower = Follower(filled)
        await follower.start()
        [item async for item in follower.look()]
    assert stages(commands, filled_url) & {"COLLSCAN", "SORT"} == set()


@pytest.mark.parametrize(
    "query", ["", "model:gemini-2.5-pro", "client:cline status:200 tokens:>100k", "since:2026-03-01T07:00:00Z"]
)
async def test_statistics_are_counted_in_an_index_alone(store: Store, mongod_url: str, query: str) -> None:
    """Documents have their bodies in them: none is read. Nor is one of the days that are kept."""
    with overheard() as commands:
        for bucket in (None, *get_args(Bucket)):
            # Minutes are for two days at most.
            times = " since:2026-03-13" if bucket == "minute" else ""
            await store.statistics(parse(query + times, NOW), bucket=bucket, by="model")
    counting = [command for command in commands if "gemini_interactions" in command.values()]
    used = stages(counting, mongod_url)
    assert "PROJECTION_COVERED" in used
    assert used & {"COLLSCAN", "FETCH"} == set()
    kept = [command for command in commands if command not in counting]
    assert bool(kept) == ("client" not in query and "model" not in query)
    assert not kept or "COLLSCAN" not in stages(kept, mongod_url)


@pytest.mark.parametrize("query", ["", "since:2026-03-01", "model:gemini-2.5-pro", "client:cline tokens:>100k"])
async def test_tools_are_counted_in_indexes_alone(store: Store, mongod_url: str, query: str) -> None:
    """No documents are read, except turns of another day that tools were called in."""
    await store.put(using_tools(50, days=0.1))
    with overheard() as commands:
        await store.tools(parse(query, NOW))
    assert stages(commands, mongod_url) & {"COLLSCAN", "SORT"} == set()
    assert read_documents(commands, mongod_url) == 0


@pytest.mark.parametrize("by", get_args(By))
async def test_statistics_by_any_field_are_counted_in_an_index_alone(store: Store, mongod_url: str, by: By) -> None:
    """Statistics by any field read no documents."""
    with overheard() as commands:
        await store.statistics(Filter(), by=by)
    counting = [command for command in commands if "gemini_interactions" in command.values()]
    assert stages(counting, mongod_url) & {"COLLSCAN", "FETCH"} == set()


@pytest.mark.parametrize("query", ["error:yes", "tag:x", "rating:good", "id:66f1c0ffee0123456789abcd"])
async def test_statistics_of_what_the_index_does_not_tell_use_another(
    store: Store, mongod_url: str, query: str
) -> None:
    """Statistics of a filter that `LISTED` lacks use another index."""
    with overheard() as commands:
        await store.statistics(parse(query, NOW), bucket="day", by="model")
    assert "COLLSCAN" not in stages(commands, mongod_url)


@pytest.mark.parametrize("sort", get_args(ThreadSort))
async def test_threads_are_listed_from_indexes_alone(filled: Store, filled_url: str, sort: ThreadSort) -> None:
    """But for the few documents that the page shows something of."""
    with overheard() as commands:
        first = await filled.threads(Filter(), limit=2, sort=sort)
        await filled.threads(Filter(), limit=2, sort=sort, cursor=first.next)
    walked = [command for command in commands if "$in" not in command.get("filter", {}).get("_id", {})]
    assert len(walked) < len(commands)
    assert stages(walked, filled_url) & {"COLLSCAN", "FETCH"} == set()
    assert "COLLSCAN" not in stages(commands, filled_url)


@pytest.mark.parametrize("query", ["model:gemini-2.5-pro", "client:cline", "error:yes", "tag:x", "since:2026-03-01"])
async def test_threads_of_a_filter_go_through_an_index(filled: Store, filled_url: str, query: str) -> None:
    """Lists of threads use an index."""
    with overheard() as commands:
        for sort in get_args(ThreadSort):
            await filled.threads(parse(query, NOW), limit=3, sort=sort)
    assert "COLLSCAN" not in stages(commands, filled_url)


async def test_everything_else_goes_through_an_index(store: Store, mongod_url: str) -> None:
    """Links, deletions and all other operations use an index."""
    records = varied(3, seed=9)
    ids = [record.document["_id"] for record in records]
    threads = [(each.document["_id"], each.document["thread"]) for each in records if each.document["thread"]]
    with overheard() as commands:
        await store.put(records)
        await store.put(records)
        await store.get(ids[0])
        await store.raw(ids[0], "request")
        await store.links.before([at_the_end(b"x"), at_the_end(b"y")])
        await store.links.after([After(b"x", Place(NOON, ids[0])), After(b"y", Place(NOON, ids[0]), NOW)])
        await store.links.children(ids[:1])
        await store.links.in_threads(ids[:1])
        await store.links.move([Move(id_, thread, thread) for id_, thread in threads])
        await store.links.of(ids)
        await store.list(Filter(), order="oldest", limit=3)
        await store.count(Filter(model="gemini-2.5-pro"))
        await store.annotate(ids[0], rating="good")
        await store.incidents.put([incident()])
        await store.incidents.newest(limit=3)
        [fault async for fault in store.maintenance.check()]
        await store.delete(ids)
    used = stages(commands, mongod_url)
    assert "COLLSCAN" not in used


async def test_every_collection_is_compressed_with_zstd(store: Store, mongod_url: str) -> None:
    """Every collection is compressed with zstd."""
    with MongoClient[dict[str, Any]](mongod_url) as client:
        database = client.get_default_database()
        names = set(database.list_collection_names())
        assert names == {
            "gemini_interactions",
            "gemini_bodies.files",
            "gemini_bodies.chunks",
            "gemtap_events",
            "gemtap_searches",
            "gemtap_limit_usage",
            "gemtap_rows",
            "gemtap_days",
            "gemtap_day_parts",
        }
        for name in names:
            created = database.command("collStats", name)["wiredTiger"]["creationString"]
            assert "block_compressor=zstd" in created, name


async def test_indexes_of_earlier_versions_go(mongod_url: str) -> None:
    """Opening the store drops indexes of earlier versions."""
    with MongoClient[dict[str, Any]](mongod_url) as client:
        collection = client.get_default_database()["gemini_interactions"]
        collection.create_index([("model", 1), ("timestamp", -1), ("_id", -1)])
        collection.create_index([("timestamp", -1), ("_id", -1)])
        collection.create_index([("timestamp", -1), ("_id", -1), ("error.message", -1)], name="failed")
        collection.create_index([("timestamp", 1), ("provider", 1)], name="counted")
        mine = collection.create_index("note")
        store = open_store(mongod_url)
        assert isinstance(store, MongoStore)
        await store.open()
        await store.close()
        names = set(collection.index_information())
        assert names >= {"newest_first", "by_model", "by_thread", "statistics", "by_error", mine}
        assert not names & {"counted", "failed"}
        assert not {name for name in names if name.endswith("timestamp_-1__id_-1")}


async def test_reading_a_database_without_the_indexes_works(mongod_url: str) -> None:
    """The command line reads what an earlier version has written, and makes nothing there."""
    store = open_store(mongod_url)
    await store.open()
    await store.put(varied(20))
    with MongoClient[dict[str, Any]](mongod_url) as client:
        client.get_default_database()["gemini_interactions"].drop_indexes()
    assert sum(row["requests"] for row in await store.statistics(Filter(), by="model")) == 20
    assert (await store.threads(Filter(), limit=3)).items
    await store.close()
