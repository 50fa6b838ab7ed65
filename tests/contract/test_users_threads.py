"""Conversations of two users never become one thread, whatever they have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gemtap.providers.documents import conversation_of
from gemtap.recorder.fingerprint import readable_fingerprint
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Record, Store
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

FIRST = b'{"contents":[{"role":"user","parts":[{"text":"Why is the sky blue, and not violet, as it should be?"}]}]}'
AGAIN = FIRST[:-2] + (
    b',{"role":"model","parts":[{"text":"Rayleigh."}]},{"role":"user","parts":[{"text":"Say more."}]}]}'
)


def turn(request: bytes, minutes: int, user: str | None) -> Record:
    client: dict[str, Any] = {"name": None, "version": None, "user_agent": None, "address": None, "key": None}
    return make_record(
        request_raw=request, timestamp=NOON + timedelta(minutes=minutes), client={**client, "user": user}
    )


@pytest.mark.parametrize(
    ("first", "second", "together"), [("ana", "ana", True), ("ana", "bob", False), (None, None, True)]
)
async def test_a_thread_has_one_user(store: Store, first: str | None, second: str | None, together: bool) -> None:
    """The same words continue a conversation of the same user only."""
    threads = Threads(store)
    places = []
    for record in (turn(FIRST, 0, first), turn(AGAIN, 1, second)):
        fingerprint = readable_fingerprint(conversation_of(record.document), record.document["_id"])
        (placed,) = await threads.place([(record, fingerprint)])
        await store.put([placed.record])
        await threads.join([placed], ())
        stored = await store.get(record.document["_id"])
        assert stored is not None
        assert stored["thread"] is not None
        places.append(stored["thread"]["id"])
    assert (places[0] == places[1]) is together
