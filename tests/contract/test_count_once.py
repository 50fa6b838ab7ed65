"""Runs in the background are counted once, in both stores."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import fingerprint_of
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Filter, Record, Store
from tests.unit.providers.google.recording import AT, GEMINI, capture_of
from tests.unit.providers.google.test_counting import INTERACTION, TOKENS

pytestmark = pytest.mark.anyio

REQUEST = {"model": "gemini-3.6-flash", "input": "Dig for a long time.", "background": True}
RUNNING = {name: value for name, value in INTERACTION.items() if name not in ("usage", "steps")} | {
    "status": "in_progress"
}


def record(path: str, answer: Any, minute: int, method: str = "GET", request: Any = None, **fields: Any) -> Record:
    at = AT + timedelta(minutes=minute)
    capture = capture_of(f"{GEMINI}{path}", answer, method=method, request=request, at=at, **fields)
    return assemble(capture, id=ObjectId(), recorded_at=AT, providers=PROVIDERS)


def created(answer: Any = RUNNING) -> Record:
    return record("/interactions", answer, 0, "POST", REQUEST)


def looked_up(answer: Any, minute: int) -> Record:
    return record("/interactions/v1_abc", answer, minute)


async def put(store: Store, *records: Record) -> list[Interaction]:
    """Store these as the recorder does."""
    counted = await count_once(store, records)
    threads = Threads(store)
    placed = await threads.place(
        [(each, fingerprint_of(conversation_of(each.document)) if has_place(each) else None) for each in counted]
    )
    present = await store.put([each.record for each in placed])
    await threads.join(placed, present)
    return [each.record.document for each in placed]


async def total(store: Store) -> int:
    (row,) = await store.statistics(Filter())
    return row["tokens"]["total"]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_the_first_look_up_that_sees_the_end_counts(store: Store, together: bool) -> None:
    """Polls before the end, and all after the first that sees it, count nothing."""
    polls = [created(), looked_up(RUNNING, 1), looked_up(INTERACTION, 2), looked_up(INTERACTION, 3)]
    batches = [polls] if together else [[each] for each in polls]
    documents = [document for batch in batches for document in await put(store, *batch)]
    assert [document["tokens"]["total"] for document in documents] == [None, None, 120, None]
    assert documents[2]["tokens"] == TOKENS
    assert [document["cost"] is not None for document in documents] == [False, False, True, False]
    assert await total(store) == 120


async def test_a_look_up_of_what_the_creation_has_reported_counts_nothing(store: Store) -> None:
    """Creating is billed, getting is not."""
    await put(store, created(INTERACTION))
    await put(store, looked_up(INTERACTION, 1), looked_up(INTERACTION, 2))
    assert await total(store) == 120


async def test_a_look_up_of_what_ran_without_gemtap_counts_nothing(store: Store) -> None:
    """Somebody else was billed for it, or another time."""
    await put(store, looked_up(INTERACTION, 1))
    assert await total(store) == 0


async def test_cancelling_may_be_the_first_to_see_the_end(store: Store) -> None:
    """A cancelled run has used tokens too."""
    cancelled = {**INTERACTION, "status": "cancelled"}
    await put(store, created())
    await put(store, record("/interactions/v1_abc/cancel", cancelled, 1, "POST", {}))
    await put(store, looked_up(cancelled, 2))
    assert await total(store) == 120


async def test_a_look_up_that_is_recorded_again_keeps_its_count(store: Store) -> None:
    """A recorder that died after storing begins again with the same captures."""
    await put(store, created())
    poll = looked_up(INTERACTION, 1)
    await put(store, poll)
    (again,) = await count_once(store, [poll])
    assert again.document["tokens"]["total"] == 120


async def test_two_runs_are_two(store: Store) -> None:
    """Each run is counted by a look-up of its own."""
    other = record("/interactions", {**RUNNING, "id": "v1_other"}, 0, "POST", {**REQUEST, "input": "And elsewhere."})
    await put(store, created(), other)
    await put(store, looked_up(INTERACTION, 1))
    await put(store, record("/interactions/v1_other", {**INTERACTION, "id": "v1_other"}, 2))
    assert await total(store) == 240


async def test_the_hops_of_a_continued_interaction_are_turns_of_its_thread(store: Store) -> None:
    """A hop has no input of its own and names the interaction that handed over; each is billed."""
    first = {**INTERACTION, "status": "requires_continuation", "continuation_token": "t"}
    await put(store, record("/interactions", first, 0, "POST", {"model": "gemini-3.6-flash", "input": "Write a book."}))
    hop = {"model": "gemini-3.6-flash", "previous_interaction_id": "v1_abc", "continuation_token": "t"}
    await put(store, record("/interactions", {**INTERACTION, "id": "v1_two"}, 1, "POST", hop))
    again = {"model": "gemini-3.6-flash", "input": "Shorter.", "previous_interaction_id": "v1_two"}
    await put(store, record("/interactions", {**INTERACTION, "id": "v1_three"}, 2, "POST", again))
    page = await store.threads(Filter(), limit=10)
    assert [(thread["turns"], thread["tokens"]) for thread in page.items] == [(3, 360)]


async def test_the_look_up_that_counts_is_a_turn_of_the_thread(store: Store) -> None:
    """The thread has what was asked, what was answered in the background, and what that took."""
    await put(store, created())
    await put(store, looked_up(RUNNING, 1), looked_up(INTERACTION, 2), looked_up(INTERACTION, 3))
    (thread,) = (await store.threads(Filter(), limit=10)).items
    assert (thread["turns"], thread["tokens"], thread["preview"]["answer"]) == (2, 120, "Hi")
