"""Series of exchanges are recorded as an oracle says that shares no code with Gemtap, in both stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from bson import ObjectId

from gemtap.conversation.model import Text
from gemtap.exporters.stitching import whole_conversation
from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import fingerprint_of
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Record, Store
from tests.captures import make_capture
from tests.oracle.histories import KINDS, history
from tests.oracle.recorded import Exchange

pytestmark = pytest.mark.anyio

SERIES: Final = 6
AT: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)


def record_of(exchange: Exchange, at: datetime) -> Record:
    capture = make_capture(
        path=exchange.path.encode(),
        method=exchange.method,
        provider=exchange.provider,
        received=at.timestamp(),
        request=[] if exchange.request is None else [(100, json.dumps(exchange.request).encode())],
        response=[(3_000, exchange.response)],
        response_headers=[(b"content-type", exchange.content_type.encode())],
    )
    return assemble(capture, id=ObjectId(), recorded_at=at, providers=PROVIDERS)


async def put(store: Store, record: Record) -> Interaction:
    """Store it as the recorder does."""
    threads = Threads(store)
    (counted,) = await count_once(store, [record])
    fingerprint = fingerprint_of(conversation_of(counted.document)) if has_place(counted) else None
    placed = await threads.place([(counted, fingerprint)])
    await threads.join(placed, await store.put([each.record for each in placed]))
    return placed[0].record.document


def told(document: Interaction, ids: list[ObjectId]) -> dict[str, Any]:
    """What was recorded of an exchange; `ids` are those of the exchanges before it."""
    cost, thread = document["cost"], document["thread"]
    parent = thread["parent"] if thread is not None else None
    return {
        "operation": document["operation"],
        "model": document["model"],
        "served": document["model_version"],
        "finish_reason": document["finish_reason"],
        "tokens": dict(document["tokens"]),
        "usd": cost["usd"] if cost is not None else None,
        "is_turn": thread is not None,
        "follows": ids.index(parent) if parent is not None else None,
        "failed": document["error"] is not None,
    }


async def recorded(store: Store, series: list[Exchange]) -> list[Interaction]:
    """The documents of a series, one after another."""
    return [await put(store, record_of(each, AT + timedelta(seconds=number))) for number, each in enumerate(series)]


@pytest.mark.parametrize("kind", KINDS)
async def test_series_of_exchanges_are_recorded_as_the_oracle_says(store: Store, kind: str) -> None:
    """Tokens and costs once, at the price of batches where it is one, and each turn after the one that it continues."""
    wrong = {}
    for seed in range(SERIES):
        series = history(kind, seed)
        documents = await recorded(store, series)
        ids = [document["_id"] for document in documents]
        for number, (exchange, document) in enumerate(zip(series, documents, strict=True)):
            found = told(document, ids)
            wanted = {name: getattr(exchange, name) for name in found}
            wanted["usd"] = pytest.approx(exchange.usd, rel=1e-9) if exchange.usd is not None else None
            different = {name: (found[name], wanted[name]) for name in found if found[name] != wanted[name]}
            if different:
                wrong[seed, number] = different
            assert not exchange.missing or "missing" in (document["cost"] or {})
    assert not wrong, f"{len(wrong)} differ, the first: {next(iter(wrong.items()))}"


@pytest.mark.parametrize("kind", ["a response in the background", "a conversation of Mistral"])
async def test_a_conversation_that_the_api_holds_is_put_together(store: Store, kind: str) -> None:
    """All questions, and an answer to each, the one from the background too."""
    series = history(kind, 0)
    documents = await recorded(store, series)
    whole = await whole_conversation(store, documents[-1])
    assert whole is not None
    asked = [each.request.get("input", each.request.get("inputs")) for each in series if each.request is not None]
    texts = [part.text for message in whole.prompt for part in message.parts if isinstance(part, Text)]
    assert [text for text in texts if text in asked] == asked
    assert [message.role for message in whole.messages] == ["user", "model"] * len(asked)
