"""Searches for words: the same query finds the same in every store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.interaction import Thread
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.paging import page_of
from gemtap.stores.query.parsing import BadQuery, parse
from gemtap.stores.search_index import Searchable
from gemtap.stores.thread_list import ThreadSort
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(hours=1)


def said(text: str | None, **fields: Any) -> Record:
    return replace(make_record(**fields), text=text)


def id_of(record: Record) -> ObjectId:
    return record.document["_id"]


def thread_of(record: Record) -> Thread | None:
    return record.document["thread"]


async def found(store: Store, query: str, limit: int = 100) -> list[ObjectId]:
    """By the pages of a list, and by a scan."""
    where = parse(query, NOW)
    ids: list[ObjectId] = []
    cursor = None
    while True:
        page = await page_of(store, where, limit=limit, cursor=cursor)
        ids += [item["_id"] for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert [document["_id"] async for document in store.scan(where)] == ids[::-1]
    assert [item["_id"] for item in await store.list(where, order="oldest", limit=1000)] == ids[::-1]
    assert await store.count(where) == sum(row["requests"] for row in await store.statistics(where)) == len(ids)
    for sort in get_args(ThreadSort):
        threads = await store.threads(where, limit=1000, sort=sort)
        assert sum(item["turns"] for item in threads.items) >= len(ids)
        assert bool(threads.items) == bool(ids)
    return ids


TEXTS = {
    "refused": "OSError: Connection refused by 10.0.0.7:5432",
    "reset": "connection reset; the offer was not refused",
    "snake": "raise connection_refused(errno)",
    "path": "edit src/app.py, then tests/test_app.py",
    "camel": "getUserName() calls getUser()",
    "chinese": "服务器拒绝连接",
    "japanese": "サーバーが接続を拒否しました",
    "korean": "연결이 거부되었습니다",
    "hindi": "हिन्दी में",
    "accents": "Café Zoë STRASSE",
    "long": "x" * 200 + " end",
    "empty": "",
}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("connection", {"refused", "reset", "snake"}),
        ("CONNECTION Refused", {"refused", "reset", "snake"}),
        ('"connection refused"', {"refused", "snake"}),
        ('"refused connection"', set()),
        ("connection_refused", {"refused", "snake"}),
        ("connec*", {"refused", "reset", "snake"}),
        ("connection_ref*", {"refused", "snake"}),
        ("connec", set()),
        ("connection -reset", {"refused", "snake"}),
        ('connection -"connection refused"', {"reset"}),
        ("connection -res*", {"refused", "snake"}),
        ("text:reset,errno", {"reset", "snake"}),
        ('text:"connection refused",offer reset', {"reset"}),
        ("-text:connection,src", set(TEXTS) - {"refused", "reset", "snake", "path"}),
        ("-connection", set(TEXTS) - {"refused", "reset", "snake"}),
        ("src/app.py", {"path"}),
        ("test_app.py", {"path"}),
        ("app.py", {"path"}),
        ("src/app*", {"path"}),
        ("tests/test*", {"path"}),
        ("10.0.0.7", {"refused"}),
        ("getusername", {"camel"}),
        ("getUser", {"camel"}),
        ("username", set()),
        ("连接", {"chinese"}),
        ("接", {"chinese", "japanese"}),
        ("接连", set()),
        ("接続を拒否", {"japanese"}),
        ("거부", {"korean"}),
        ("हिन्दी", {"hindi"}),
        ("CAFÉ strasse", {"accents"}),
        ("straße", {"accents"}),
        ("cafe", set()),
        ("x" * 150, {"long"}),
        ("nowhere", set()),
        ("connection nowhere", set()),
        ("connection status:200", {"refused", "reset", "snake"}),
        ("connection status:500", set()),
        ("connection -status:500 tag:physics tokens:9", {"refused", "reset", "snake"}),
        ("connection model:gemini-2.5-pro,other client:cli* error:no", {"refused", "reset", "snake"}),
        ("connection error:yes", set()),
        ("connection since:1d until:2026-03-15", {"refused", "reset", "snake"}),
        ("connection until:2026-03-14", set()),
        ("connection since:1m", set()),
    ],
)
async def test_a_query_finds_what_has_its_words_and_nothing_else(store: Store, query: str, names: set[str]) -> None:
    """A query for words and phrases finds exactly the texts that contain them."""
    records = {name: said(text) for name, text in TEXTS.items()}
    await store.put(list(records.values()))
    assert sorted(await found(store, query)) == sorted(id_of(records[name]) for name in names)


@pytest.mark.parametrize(
    "query", ["common", "common -odd", "-odd", "com*", '"common text"', "common model:a", "text:odd,even"]
)
@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_are_newest_first_without_gaps_or_repeats(store: Store, query: str, limit: int) -> None:
    """Stored in another order, several at the same moment and in the same second, over months."""
    records = [
        said(
            f"common text {'odd' if n % 2 else 'even'}",
            timestamp=NOON - n // 3 * timedelta(milliseconds=300) - n // 10 * timedelta(days=40),
            model="ab"[n % 3 % 2],
        )
        for n in range(40)
    ]
    await store.put(records[::2])
    await store.put(records[1::2])
    wanted = sorted(records, key=lambda each: (each.document["timestamp"], id_of(each)), reverse=True)
    if "odd" in query and "even" not in query:
        wanted = [each for each in wanted if each.text == "common text even"]
    if "model" in query:
        wanted = [each for each in wanted if each.document["model"] == "a"]
    assert await found(store, query, limit) == [id_of(each) for each in wanted]


@pytest.mark.parametrize(
    "condition",
    [
        *("provider:p", "operation:p", "model:p,q", "model_version:p", "outcome:refused", "status:429", "error:yes"),
        *("finish_reason:p", "client:p", "key:p", "user:p", "thread:66f1c0ffee0123456789abcd"),
    ],
)
async def test_a_frequent_word_with_a_rare_value(store: Store, condition: str) -> None:
    """A frequent word together with a rare value of a field finds the few matches."""
    name = condition.partition(":")[0]
    plain = make_record().document
    values: dict[str, dict[str, Any]] = {
        "outcome": {"outcome": "refused"},
        "status": {"response": {"status": 429}},
        "error": {"error": {"message": "broken", "details": None}},
        "client": {"client": {**plain["client"], "name": "p"}},
        "key": {"client": {**plain["client"], "key": "p"}},
        "user": {"client": {**plain["client"], "user": "p"}},
        "thread": {
            "thread": {"id": ObjectId("66f1c0ffee0123456789abcd"), "turn": 1, "parent": None, "new_messages": 1}
        },
    }
    unlike = values.get(name, {name: "p"})
    rare = said("common", **unlike)
    records = [*(said("common") for _ in range(5)), rare, said("other", **unlike)]
    await store.put(records)
    assert await found(store, f"common {condition}") == [id_of(rare)]
    assert len(await found(store, f"common -{condition}")) == 5


async def test_the_text_is_no_part_of_the_document(store: Store) -> None:
    """Neither documents nor lists contain the search text."""
    record = said("hidden words")
    await store.put([record])
    assert await store.get(id_of(record)) == record.document
    (item,) = await store.list(parse("hidden", NOW), limit=10)
    assert "hidden" not in str(item)


async def test_the_words_follow_the_record_that_replaces_an_interrupted_one(store: Store) -> None:
    """Searches find the words of the replacing record only."""
    id_ = ObjectId()
    await store.put([said("half of it", _id=id_, outcome="interrupted")])
    assert await found(store, "half") == [id_]
    await store.put([said("the whole", _id=id_)])
    assert await found(store, "half") == []
    assert await found(store, "whole") == [id_]


async def test_what_was_stored_without_its_text_is_made_searchable_newest_first(store: Store) -> None:
    """Documents without text are due, the last stored first."""
    records = [said(None if n < 6 else "there already", timestamp=NOON + timedelta(seconds=n)) for n in range(8)]
    await store.put(records)
    due = await store.search_index.due(limit=4)
    assert due == [each.document for each in records[5:1:-1]]
    await store.search_index.add(
        Searchable(document["_id"], "made later", None, document["thread"]) for document in due
    )
    assert await found(store, "later") == [document["_id"] for document in due]
    rest = await store.search_index.due(limit=10)
    assert [document["_id"] for document in rest] == [id_of(each) for each in records[1::-1]]
    others = [(records[7], "not again"), (said(None), "nobody's"), (records[0], "")]
    await store.search_index.add(Searchable(id_of(each), text, None, thread_of(each)) for each, text in others)
    assert await found(store, "again") == await found(store, "nobody") == []
    assert len(await found(store, "already")) == 2
    assert [document["_id"] for document in await store.search_index.due(limit=10)] == [id_of(records[1])]
    async for _ in store.maintenance.reclaim():
        pass
    assert len(await found(store, "later")) == 4


async def test_what_is_not_searchable_yet_neither_has_a_word_nor_has_it_not(store: Store) -> None:
    """So that nothing is deleted for lacking a word that it may have."""
    unknown, noted, known = said(None), said(None), said("known")
    await store.put([unknown, noted, known])
    await store.annotate(id_of(noted), note="a note")
    assert await found(store, "-other") == [id_of(known)]
    assert await found(store, "-known") == []
    assert {document["_id"] for document in await store.search_index.due(limit=10)} == {id_of(unknown), id_of(noted)}


async def test_a_new_note_has_the_text_told_once_more_and_the_old_words_hold_until_then(store: Store) -> None:
    """A new note makes a document due; its old words are found until then."""
    noted, other = said("first words"), said("other words")
    await store.put([noted, other])
    await store.annotate(id_of(noted), note="remember", rating="good")
    assert await found(store, "first") == [id_of(noted)]
    assert [document["note"] for document in await store.search_index.due(limit=10)] == ["remember"]
    await store.search_index.add(
        [
            Searchable(id_of(noted), "second remember", "remember", thread_of(noted)),
            Searchable(id_of(other), "not due", None, thread_of(other)),
        ]
    )
    assert await found(store, "first") == await found(store, "due") == []
    assert await found(store, "second remember") == [id_of(noted)]
    assert await store.search_index.due(limit=10) == []
    await store.annotate(id_of(noted), tags=["a"])
    assert await store.search_index.due(limit=10) == []


async def test_a_note_that_comes_while_the_text_is_told_has_it_told_once_more(store: Store) -> None:
    """A text is not indexed if the note has changed since it was computed."""
    record = said(None)
    await store.put([record])
    (document,) = await store.search_index.due(limit=10)
    await store.annotate(id_of(record), note="remember")
    await store.search_index.add([Searchable(document["_id"], "too early", document["note"], document["thread"])])
    assert await found(store, "early") == []
    (document,) = await store.search_index.due(limit=10)
    await store.search_index.add([Searchable(document["_id"], "in time", document["note"], document["thread"])])
    assert await found(store, "time") == [id_of(record)]


QUERIES = st.lists(
    st.sampled_from(
        ["a", "b", "ab", '"a b"', "aaa*", "-a", '-"b a"', "text:a,b", "AND", "OR", "NOT", "NEAR", "a-b", "^a"]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.one_of(QUERIES, st.text(max_size=30), st.text('ab "-*():^+{}\\', max_size=12)))
async def test_no_query_breaks_a_store(store: Store, query: str) -> None:
    """Whatever a query says, its words are looked for: none of it is the syntax of a database."""
    try:
        where = parse(query, NOW)
    except BadQuery:
        return
    if not await store.list(Filter(), limit=1):
        await store.put([said("a b"), said("b a and or not near aaab")])
    page = await page_of(store, where, limit=10)
    assert [document["_id"] async for document in store.scan(where)] == [item["_id"] for item in page.items][::-1]


def in_a_row(words: Sequence[str], text: str) -> bool:
    return f" {' '.join(words)} " in f" {text} "


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(phrase=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4))
async def test_a_phrase_is_found_where_its_words_stand_in_a_row(store: Store, phrase: list[str]) -> None:
    """For any texts, a phrase finds exactly those with its words in a row."""
    texts = ["a b c d", "b a d c", "a a b b", "d c b a d", "c"]
    if not await store.list(Filter(), limit=1):
        await store.put([said(text, tags=[text]) for text in texts])
    page = await page_of(store, parse(f'"{" ".join(phrase)}"', NOW), limit=10)
    assert sorted(item["tags"][0] for item in page.items) == sorted(text for text in texts if in_a_row(phrase, text))
