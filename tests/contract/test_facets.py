"""Facets: values of fields with their numbers, among the newest matches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.facets import FACETS
from gemtap.stores.query.parsing import parse
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio


def varied(count: int) -> list[Record]:
    return [
        replace(
            make_record(
                timestamp=NOON + timedelta(seconds=number // 2),
                model=f"m{number % 3}" if number % 5 else None,
                operation="embedContent" if number % 7 == 0 else "generateContent",
                finish_reason=None if number % 2 else "STOP",
                response={"status": 429 if number % 4 == 0 else 200},
                answered=number % 11 != 0,
                tags=["rare"] if number == 8 else [],
            ),
            text="needle" if number % 3 else "hay",
        )
        for number in range(count)
    ]


def expected(records: list[Record]) -> dict[str, dict[Any, int]]:
    def value(record: Record, name: str) -> Any:
        document: Any = record.document
        if name == "client":
            return document["client"]["name"]
        return (document["response"] or {}).get("status") if name == "status" else document[name]

    return {name: dict(Counter(v for each in records if (v := value(each, name)) is not None)) for name in FACETS}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", lambda number: True),
        ("model:m1", lambda number: number % 5 and number % 3 == 1),
        ("-model:m1", lambda number: not (number % 5 and number % 3 == 1)),
        ("model:m1 status:429", lambda number: number % 5 and number % 3 == 1 and number % 4 == 0 and number % 11),
        ("needle", lambda number: number % 3),
        ("tag:rare", lambda number: number == 8),
        ("model:none", lambda number: False),
    ],
)
async def test_values_are_counted_among_the_matches(store: Store, query: str, fits: Any) -> None:
    """The numbers are those of the matches, the most frequent value first, without missing values."""
    records = varied(60)
    await store.put(records)
    matching = [record for number, record in enumerate(records) if fits(number)]
    found = await store.facets(parse(query, NOON) if query else Filter())
    assert found.counted == len(matching)
    assert {name: dict(values) for name, values in found.values.items()} == expected(matching)
    for values in found.values.values():
        assert [count for _, count in values] == sorted((count for _, count in values), reverse=True)


async def test_only_the_newest_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of counted matches has a limit."""
    for module in ("sqlite.reading", "mongo.lists"):
        monkeypatch.setattr(f"gemtap.stores.{module}.COUNTED", 10)
    records = varied(60)
    await store.put(records)
    found = await store.facets(Filter())
    assert found.counted == 10
    assert {name: dict(values) for name, values in found.values.items()} == expected(records[-10:])
