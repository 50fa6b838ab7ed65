"""Threads and counts of OpenAI's conversations, in both stores."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.interaction import Interaction
from gemtap.providers.documents import conversation_of
from gemtap.recorder.count_once import count_once, has_place
from gemtap.recorder.fingerprint import fingerprint_of
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Record, Store
from tests.contract.openai_examples import BEGUN, OUTPUT, RESPONSE
from tests.unit.providers.openai.recording import record_of

pytestmark = pytest.mark.anyio

PATH = "/v1/responses"


async def put(store: Store, *records: Record) -> list[Interaction]:
    """Store these as the recorder does."""
    threads = Threads(store)
    placed = await threads.place(
        [
            (each, fingerprint_of(conversation_of(each.document)) if has_place(each) else None)
            for each in await count_once(store, records)
        ]
    )
    await threads.join(placed, await store.put([each.record for each in placed]))
    return [each.record.document for each in placed]


def response(number: int, request: dict[str, Any], **fields: Any) -> Record:
    """The creation of the response with this number."""
    answer = {**RESPONSE, "id": f"resp_{number}", **fields}
    return record_of(PATH, answer, request={"model": "gpt-5", **request}, minute=number)


async def turns(store: Store, *records: Record) -> list[tuple[int, int]]:
    """Turn and number of new messages of each, all in one thread."""
    found = [each["thread"] for record in records for each in await put(store, record)]
    threads = [thread for thread in found if thread is not None]
    assert len(threads) == len(records)
    assert len({thread["id"] for thread in threads}) == 1
    return [(thread["turn"], thread["new_messages"]) for thread in threads]


async def test_previous_response_ids_make_threads(store: Store) -> None:
    """Only what is new is in a request."""
    assert await turns(
        store,
        response(1, {"input": "Why is the sky blue?"}),
        response(2, {"input": "And the sea?", "previous_response_id": "resp_1"}),
        response(3, {"input": "And ice?", "previous_response_id": "resp_2"}),
    ) == [(1, 1), (2, 1), (3, 1)]


async def test_conversations_make_threads(store: Store) -> None:
    """Each turn names the conversation that holds them all, and the next is one on from the last."""
    held = {"conversation": {"id": "conv_1"}}
    assert await turns(
        store,
        response(1, {"input": "Why is the sky blue?", **held}),
        response(2, {"input": "And the sea?", "conversation": "conv_1"}),
        response(3, {"input": "And ice?", **held}),
    ) == [(1, 1), (2, 1), (3, 1)]


async def test_clients_that_keep_the_conversation_make_threads(store: Store) -> None:
    """They send all items with each turn, as Codex does; ids and encrypted thoughts may be left out."""
    first = {"role": "user", "content": [{"type": "input_text", "text": "Why is the sky blue, and not green?"}]}
    answer = {"type": "message", "role": "assistant", "content": OUTPUT[1]["content"]}
    assert await turns(
        store,
        response(1, {"input": [first]}),
        response(2, {"input": [first, answer, {"role": "user", "content": "And the sea?"}]}),
    ) == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    "used",
    [
        [
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["uname"]}},
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "Linux", "stderr": ""}]},
        ],
        [
            {"type": "tool_search_call", "execution": "server", "arguments": {"paths": ["look"]}},
            {"type": "tool_search_output", "execution": "server", "tools": [{"type": "function", "name": "look"}]},
        ],
        [
            {"type": "program", "call_id": "c", "code": "text(1)"},
            {"type": "program_output", "call_id": "c", "result": "1"},
        ],
    ],
    ids=["shell", "tool search", "program"],
)
async def test_tools_that_the_api_ran_do_not_break_a_thread(store: Store, used: list[Any]) -> None:
    """Their results stand amid the answer, and clients that keep the conversation send them between the messages."""
    first = {"role": "user", "content": "Which system is this, please, and of which version?"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Linux."}]}
    output = [*used, said]
    assert await turns(
        store,
        response(1, {"input": [first], "store": False}, output=output),
        response(2, {"input": [first, *output, {"role": "user", "content": "Since when?"}], "store": False}),
    ) == [(1, 1), (2, 1)]


async def test_a_response_in_the_background_is_counted_once(store: Store) -> None:
    """The first look-up that sees the end counts."""
    begun = {**BEGUN, "status": "queued"}
    polls = [
        record_of(PATH, begun, request={"model": "gpt-5", "input": "Dig.", "background": True}),
        *(record_of(f"{PATH}/resp_1", answer, method="GET", minute=n) for n, answer in enumerate((begun, RESPONSE), 1)),
        record_of(f"{PATH}/resp_1", RESPONSE, method="GET", minute=3),
    ]
    documents = [document for poll in polls for document in await put(store, poll)]
    assert [document["tokens"]["total"] for document in documents] == [None, None, 21, None]
    thread = documents[2]["thread"]
    assert thread is not None
    assert thread["parent"] == documents[0]["_id"]
