"""Statistics: the same in every store as counting the documents one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, get_args

import pytest
from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.stores.base import Filter, IntervalTooFine, Record, Store
from gemtap.stores.query.parsing import parse
from gemtap.stores.statistics import CONTEXT, TOKENS, Bucket, By
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(days=3)


def varied(number: int, *, seed: int = 1, days: float = 40) -> list[Record]:
    """Records of which no two are alike, over so many days before noon."""
    chance = random.Random(seed)
    threads = [ObjectId() for _ in range(5)]

    def some(*values: Any) -> Any:
        return chance.choice(values)

    def maybe(value: Any) -> Any:
        return value if chance.random() < 0.8 else None

    return [
        make_record(
            timestamp=NOON - timedelta(milliseconds=chance.randrange(int(days * 86_400_000))),
            model=some("gemini-2.5-pro", "gemini-2.5-flash", "gpt-5", None),
            provider=some("gemini", "openai"),
            operation=some("generateContent", "countTokens"),
            outcome=some("complete", "complete", "client_disconnected"),
            finish_reason=some("STOP", "MAX_TOKENS", None),
            error=some(None, None, {"message": "broken", "details": None}),
            answered=chance.random() < 0.9,
            response={"status": some(200, 200, 429)},
            client={**make_record().document["client"], "name": some("cline", None), "key": some("ab", "cd", None)},
            thread=maybe({"id": chance.choice(threads), "turn": 1, "parent": None, "new_messages": 1}),
            tokens={name: maybe(chance.randrange(2**20)) for name in TOKENS},
            context=maybe({name: chance.randrange(2**20) for name in CONTEXT}),
            cost=maybe({"usd": chance.random(), "source": "test", **some({}, {"cache_saved": chance.random() - 0.5})}),
            request_duration_ms=maybe(chance.lognormvariate(8, 2)),
            timing={**make_record().document["timing"], "first_byte_ms": maybe(chance.lognormvariate(6, 1))},
            tags=some(["x"], ["x", "to read"], []),
            rating=some("good", "bad", None),
        )
        for _ in range(number)
    ]


def key_of(document: Interaction, by: By | None) -> str | None:
    match by:
        case None:
            return None
        case "status":
            return str(document["response"]["status"]) if document["response"] else None
        case "thread":
            return str(document["thread"]["id"]) if document["thread"] else None
        case "client":
            return document["client"]["name"]
        case "key" | "user":
            return document["client"][by]
        case _:
            return document[by]


def bucket_of(moment: datetime, bucket: Bucket | None) -> datetime | None:
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return {
        None: None,
        "minute": moment.replace(second=0, microsecond=0),
        "hour": day + timedelta(hours=moment.hour),
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
    }[bucket]


def counted(documents: list[Interaction], bucket: Bucket | None, by: By | None) -> list[dict[str, Any]]:
    """What the rows are to be."""
    groups = defaultdict[Any, list[Interaction]](list)
    for document in documents:
        groups[bucket_of(document["timestamp"], bucket), key_of(document, by)].append(document)
    rows = [row_of(start, key, each) for (start, key), each in groups.items()]
    return sorted(rows, key=lambda row: (str(row["bucket"]), -row["requests"], row["key"] or ""))


def row_of(start: datetime | None, key: str | None, documents: list[Interaction]) -> dict[str, Any]:
    costs = [each["cost"]["usd"] for each in documents if each["cost"]]
    return {
        "bucket": start,
        "key": key,
        "requests": len(documents),
        "errors": sum(each["error"] is not None for each in documents),
        "tokens": {name: sum(each["tokens"][name] or 0 for each in documents) for name in TOKENS},  # type: ignore[literal-required,misc]
        "cost": pytest.approx(sum(costs)) if costs else None,
        "priced": len(costs),
        "cache_saved": pytest.approx(sum(each["cost"].get("cache_saved", 0) for each in documents if each["cost"])),
        "duration_ms": ranked([each["request_duration_ms"] for each in documents]),
        "first_byte_ms": ranked([each["timing"]["first_byte_ms"] for each in documents]),
        "context": {name: sum(dict(each["context"] or {}).get(name, 0) for each in documents) for name in CONTEXT},
    }


def ranked(values: list[float | None]) -> dict[str, Any]:
    known = sorted(value for value in values if value is not None)
    return {
        f"p{share}": pytest.approx(known[ceil(len(known) * share / 100) - 1], rel=2e-7, abs=0.001) if known else None
        for share in (50, 95, 99)
    }


@pytest.mark.parametrize("bucket", [None, *get_args(Bucket)])
async def test_every_bucket_is_what_counting_gives(store: Store, bucket: Bucket | None) -> None:
    """For every bucket, statistics equal those computed from the documents in Python."""
    records = varied(300, days=1.9 if bucket == "minute" else 40)
    await store.put(records)
    documents = [record.document for record in records]
    for by in (None, "model"):
        assert await store.statistics(Filter(), bucket=bucket, by=by) == counted(documents, bucket, by)


async def test_minutes_are_counted_for_two_days_at_most(store: Store) -> None:
    """A longer period is refused, as far as there is data; a part of it is counted."""
    records = varied(100, days=10)
    await store.put(records)
    newest = max(record.document["timestamp"] for record in records)
    for where in (Filter(), Filter(model="gpt-5"), Filter(since=newest - timedelta(days=2, seconds=1))):
        with pytest.raises(IntervalTooFine, match="48 hours"):
            await store.statistics(where, bucket="minute")
    for since, until in ((newest - timedelta(days=2), None), (None, newest - timedelta(days=8.5))):
        documents = [
            record.document
            for record in records
            if (since is None or record.document["timestamp"] >= since)
            and (until is None or record.document["timestamp"] < until)
        ]
        rows = await store.statistics(Filter(since=since, until=until), bucket="minute", by="model")
        assert rows == counted(documents, "minute", "model") != []


@pytest.mark.parametrize("by", get_args(By))
async def test_every_field_is_what_counting_gives(store: Store, by: By) -> None:
    """For every field, statistics equal those computed from the documents in Python."""
    records = varied(200)
    await store.put(records)
    documents = [record.document for record in records]
    for bucket in (None, "week"):
        assert await store.statistics(Filter(), bucket=bucket, by=by) == counted(documents, bucket, by)


@pytest.mark.parametrize(
    "query",
    [
        "model:gemini-2.5-pro",
        "model:gemini-* -client:cline",
        "-model:*",
        "error:yes",
        "-error:yes status:4xx",
        "status:200 finish_reason:STOP,MAX_TOKENS",
        "tokens:>100k",
        "tag:x",
        "duration:>5s cost:>0.1",
        "since:2026-02-20 until:2026-03-05",
        "since:2026-02-20T07:31:12.345Z until:2026-03-05T01:00:00Z",
        "time:2026-03-01",
        "time:2026-03-01,2026-03-04 model:gpt-5",
        "-time:2026-03-01",
        "since:1d",
    ],
)
async def test_a_filter_counts_what_it_finds_and_nothing_else(store: Store, query: str) -> None:
    """Statistics of a filter cover exactly the interactions that a scan finds."""
    await store.put(varied(300))
    where = parse(query, NOW)
    documents = [document async for document in store.scan(where)]
    for bucket, by in ((None, None), ("day", "model"), ("hour", "status")):
        expected = counted(documents, bucket, by)  # type: ignore[arg-type]
        assert await store.statistics(where, bucket=bucket, by=by) == expected  # type: ignore[arg-type]


async def test_days_of_little_and_months_of_nothing_are_counted(store: Store) -> None:
    """A filter that finds one interaction in weeks, between others and gaps, counts each of them once."""
    dense, sparse = varied(200, seed=2, days=3), varied(60, seed=3, days=900)
    await store.put([*dense, *sparse])
    where = parse("model:gpt-5", NOW)
    documents = [record.document for record in (*dense, *sparse) if record.document["model"] == "gpt-5"]
    for bucket, by in ((None, None), ("day", None), ("month", "provider")):
        rows = await store.statistics(where, bucket=bucket, by=by)  # type: ignore[arg-type]
        assert rows == counted(documents, bucket, by)  # type: ignore[arg-type]


async def test_of_nothing_there_are_no_rows(store: Store) -> None:
    """An empty store, or a filter without matches, has no rows."""
    assert await store.statistics(Filter(), bucket="day", by="model") == []
    await store.put([make_record()])
    assert await store.statistics(Filter(model="none of them")) == []


async def test_what_is_not_known_is_no_zero(store: Store) -> None:
    """Unknown costs and durations are None, not 0."""
    nothing = {"first_byte_ms": None, "first_token_ms": None, "chunks": 0}
    await store.put(
        [
            make_record(
                cost=None,
                request_duration_ms=None,
                timing={**nothing, "longest_gap_ms": None, "output_tokens_per_s": None},
            )
        ]
    )
    (row,) = await store.statistics(Filter())
    assert (row["requests"], row["cost"], row["priced"]) == (1, None, 0)
    assert row["duration_ms"] == row["first_byte_ms"] == {"p50": None, "p95": None, "p99": None}


@pytest.mark.parametrize("bucket", [None, "day", "hour", "minute"])
async def test_statistics_follow_what_is_stored_changed_and_replaced(store: Store, bucket: Bucket | None) -> None:
    """Also for days that were asked about before."""

    async def told() -> Sequence[Any]:
        return await store.statistics(Filter(), bucket=bucket, by="outcome")

    records = varied(60, days=1.9 if bucket == "minute" else 5)
    await store.put(records[:30])
    assert await told() == counted([record.document for record in records[:30]], bucket, "outcome")
    await store.put(records[20:])
    assert await told() == counted([record.document for record in records], bucket, "outcome")
    half = make_record(timestamp=NOON - timedelta(days=2), outcome="interrupted", tokens=records[0].document["tokens"])
    await store.put([half])
    assert await told() == counted([record.document for record in (*records, half)], bucket, "outcome")
    whole = make_record(_id=half.document["_id"], timestamp=NOON - timedelta(days=2))
    await store.put([whole, half])
    assert await store.annotate(whole.document["_id"], tags=["seen"], rating="good")
    assert await told() == counted([record.document for record in (*records, whole)], bucket, "outcome")
    assert await store.delete([record.document["_id"] for record in records[:10]]) == 10
    assert await told() == counted([record.document for record in (*records[10:], whole)], bucket, "outcome")
