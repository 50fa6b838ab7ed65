"""Threads of Anthropic's messages whose answers are continued, in both stores."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.recorder.fingerprint import fingerprint_of
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Record, Store
from tests.records import make_record
from tests.unit.providers.openai.recording import AT

pytestmark = pytest.mark.anyio

QUESTION = {"role": "user", "content": "Search for the weather in all capitals, and tell me which is the warmest."}
SEARCH = [
    {"type": "text", "text": "I search."},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]
REST = [{"type": "text", "text": "The warmest of them all is Nairobi, by far."}]
NEXT = {"role": "user", "content": "And the coldest?"}
LAST = [{"type": "text", "text": "Oslo."}]


def turn(minute: int, messages: list[Any], answer: list[Any], stop_reason: str = "end_turn") -> Record:
    record = make_record(
        request={"path": "/anthropic/v1/messages"},
        provider="anthropic",
        operation="messages.create",
        finish_reason=stop_reason,
        timestamp=AT.replace(minute=minute),
        thread=None,
    )
    record.document["request"]["body"] = {"model": "claude-opus-5", "messages": messages}
    assert record.document["response"] is not None
    record.document["response"]["body"] = {"type": "message", "content": answer, "stop_reason": stop_reason}
    return record


async def threads_of(store: Store, *records: Record) -> list[Interaction]:
    placed = []
    threads = Threads(store)
    for record in records:
        (each,) = await threads.place([(record, fingerprint_of(conversation_of(record.document)))])
        await store.put([each.record])
        placed.append(each.record.document)
    return placed


@pytest.mark.parametrize("joined", [True, False], ids=["as one message", "as two messages"])
async def test_a_paused_turn_and_its_rest_are_followed(store: Store, *, joined: bool) -> None:
    """The client sends the unfinished answer again, and later all of it, as one message or as two."""
    paused = {"role": "assistant", "content": SEARCH}
    answer = (
        [{"role": "assistant", "content": [*SEARCH, *REST]}]
        if joined
        else [paused, {"role": "assistant", "content": REST}]
    )
    first, second, third = await threads_of(
        store,
        turn(0, [QUESTION], SEARCH, "pause_turn"),
        turn(1, [QUESTION, paused], REST),
        turn(2, [QUESTION, *answer, NEXT], LAST),
    )
    assert [each["thread"] and each["thread"]["parent"] for each in (first, second, third)] == [
        None,
        first["_id"],
        second["_id"],
    ]
    assert third["thread"] is not None
    assert third["thread"]["new_messages"] == 1


async def test_a_prefilled_answer_is_followed(store: Store) -> None:
    """The client begins the answer itself, and sends both as one text later."""
    begun = {"role": "assistant", "content": "The warmest capital of all is"}
    first, second = await threads_of(
        store,
        turn(0, [QUESTION, begun], [{"type": "text", "text": " Nairobi, by far."}]),
        turn(
            1,
            [QUESTION, {"role": "assistant", "content": "The warmest capital of all is Nairobi, by far."}, NEXT],
            LAST,
        ),
    )
    assert second["thread"] is not None
    assert (second["thread"]["parent"], second["thread"]["new_messages"]) == (first["_id"], 1)
