"""Add the ID of a threads become lines of training data, each once, and where they go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import ObjectId

from gemtap.stores.base import Record, Store
from tests.records import make_record
from tests.unit.exporters.exported import TOOL_USE, call, export, export_parts, lines_of, model, result, turn, user

pytestmark = pytest.mark.anyio


def first_words(content: bytes) -> list[str]:
    return [line["contents"][0]["parts"][0]["text"] for line in lines_of(content)]


def lengths(content: bytes) -> list[int]:
    return [len(line["contents"]) for line in lines_of(content)]


async def test_of_a_thread_the_last_turn_is_taken(store: Store) -> None:
    """Only the last turn of a thread is exported."""
    thread = ObjectId()
    await store.put([turn(*TOOL_USE[:2], thread=thread), turn(*TOOL_USE, thread=thread, number=2)])
    content, report = await export("gemini-tuning", store)
    assert lengths(content) == [4]
    assert (report.read, report.written["train"]) == (2, 1)
    assert report.left_out == {"not the last turn of its conversation": 1}


async def test_without_a_thread_what_a_later_one_was_given_is_no_last_turn(store: Store) -> None:
    """Without threads, prefixes of later prompts are omitted."""
    longer = (*TOOL_USE, user("Thanks!"), model("You are welcome."))
    aside = (user("What is in a.py?"), model("I cannot know."))
    await store.put([turn(*TOOL_USE[:2]), turn(*TOOL_USE), turn(*aside), turn(*longer)])
    content, report = await export("gemini-tuning", store)
    assert lengths(content) == [2, 6]
    assert report.left_out == {"not the last turn of its conversation": 2}


async def test_clients_may_give_back_an_answer_cut_otherwise(store: Store) -> None:
    """A stream's pieces, without the thoughts, and calls with other ids."""
    id_call = {"functionCall": {"id": "x", "name": "read_file", "args": {"path": "a.py"}}}
    first = turn(user("Look."), model({"text": "Hm.", "thought": True}, "I will look.", call("a.py")))
    second = turn(user("Look."), model("I will ", "look.", id_call), user(result("1")), model("One."))
    await store.put([first, second])
    content, _ = await export("gemini-tuning", store)
    assert lengths(content) == [4]


async def test_every_turn_can_be_had(store: Store) -> None:
    """With `every_turn`, all turns are exported."""
    thread = ObjectId()
    await store.put([turn(*TOOL_USE[:2], thread=thread), turn(*TOOL_USE, thread=thread, number=2)])
    content, _ = await export("gemini-tuning", store, every_turn=True)
    assert lengths(content) == [2, 4]


@pytest.mark.parametrize("every_turn", [False, True])
async def test_what_nobody_would_train_on_is_counted_by_reason(store: Store, *, every_turn: bool) -> None:
    """Unfit interactions are counted by reason."""
    say = (user("Hi"), model("Ho"))
    await store.put(
        [
            turn(*say, outcome="client_disconnected"),
            turn(*say, finish_reason="MAX_TOKENS"),
            turn(*say, finish_reason="SAFETY"),
            turn(*say, response={"status": 500}),
            turn(*say, error={"message": "no", "details": None}),
            turn(*say, answered=False, outcome="complete"),
            turn(*say, operation="countTokens"),
            turn(*say, request={"body_truncated": True}),
            turn(user("Hi"), model()),
            turn(model("Ho")),
        ]
    )
    content, report = await export("gemini-tuning", store, every_turn=every_turn)
    assert content == b""
    assert report.left_out == {
        "the answer is incomplete": 2,
        "the answer was truncated (MAX_TOKENS)": 1,
        "the answer was truncated (SAFETY)": 1,
        "failed": 2,
        "no conversation": 1,
        "a body is incomplete": 1,
        "no answer": 1,
        "no prompt": 1,
    }
    assert report.read == report.left_out.total()


async def test_a_failed_last_turn_leaves_the_one_before(store: Store) -> None:
    """If the last turn failed, the one before is exported."""
    thread = ObjectId()
    await store.put(
        [turn(*TOOL_USE[:2], thread=thread), turn(*TOOL_USE, thread=thread, number=2, finish_reason="MAX_TOKENS")]
    )
    content, _ = await export("gemini-tuning", store)
    assert lengths(content) == [2]


async def test_duplicates_are_left_out(store: Store) -> None:
    """Duplicates are omitted."""
    await store.put([turn(user("Hi"), model("Ho"), thread=ObjectId()) for _ in range(3)])
    _, report = await export("gemini-tuning", store)
    assert report.written["train"] == 1
    assert report.left_out == {"a duplicate": 2}


async def test_lines_are_oldest_first(store: Store) -> None:
    """Lines are sorted oldest first."""
    await store.put([turn(user(f"{n}"), model("Ho")) for n in range(20)])
    content, _ = await export("gemini-tuning", store)
    assert first_words(content) == [f"{n}" for n in range(20)]


async def test_a_split_parts_no_conversation_and_is_the_same_every_time(store: Store) -> None:
    """A split is deterministic, and keeps conversations together."""
    threads = [ObjectId() for _ in range(60)]
    await store.put(
        [
            turn(user(f"{n} {number}"), model("Ho"), thread=thread)
            for n, thread in enumerate(threads)
            for number in (1, 2)
        ]
    )
    files, report = await export_parts("gemini-tuning", store, split=0.7, every_turn=True)
    train, validation = ({words.split()[0] for words in first_words(files[part])} for part in ("train", "validation"))
    assert not train & validation
    assert len(train) + len(validation) == 60
    assert 20 < len(train) < 58  # the ids are of chance
    assert report.written == {"train": 2 * len(train), "validation": 2 * len(validation)}
    assert (await export_parts("gemini-tuning", store, split=0.7, every_turn=True))[0] == files


async def test_without_threads_a_split_goes_by_how_conversations_begin(store: Store) -> None:
    """Without threads, a split uses the beginnings of conversations."""
    for n in range(30):
        await store.put([turn(user(f"{n}"), model("Ho")), turn(user(f"{n}"), model("Ho"), user("So?"), model("Yes."))])
    files, _ = await export_parts("gemini-tuning", store, split=0.5, every_turn=True)
    train, validation = (set(first_words(files[part])) for part in ("train", "validation"))
    assert train
    assert validation
    assert not train & validation


async def test_what_the_api_keeps_of_a_conversation_is_put_before_it(store: Store) -> None:
    """Interactions name the one that they go on from, and send nothing of it again."""

    def asked(said: str, id_: str, parent: Record | None = None, previous: str | None = None) -> Record:
        step = {"type": "model_output", "content": [{"type": "text", "text": f"To {said}"}]}
        before = parent.document if parent is not None else None
        thread = before["thread"]["id"] if before is not None and before["thread"] else ObjectId()
        place = {"id": thread, "turn": 1, "parent": before and before["_id"], "new_messages": 1}
        return make_record(
            request_raw=json.dumps({"input": said, "previous_interaction_id": previous}).encode(),
            response_raw=json.dumps({"id": id_, "steps": [step]}).encode(),
            operation="interactions.create",
            finish_reason="completed",
            thread=place,
        )

    first = asked("one", "a")
    second = asked("two", "b", first, "a")
    third = asked("three", "c", second, "b")
    alone = asked("four", "d", None, "never seen")
    await store.put([first, second, third, alone])
    content, report = await export("gemini-tuning", store, every_turn=True)
    assert lengths(content) == [2, 4, 6]
    said = [part["text"] for each in lines_of(content)[-1]["contents"] for part in each["parts"]]
    assert said == ["one", "To one", "two", "To two", "three", "To three"]
    assert report.left_out == {"its beginning is not recorded": 1}
    shown, _ = await export("markdown", store, one=third.document["_id"])
    assert b"To one" in shown
    shown, _ = await export("markdown", store, one=alone.document["_id"])
    assert b"To four" in shown


SEARCHING: Any = {"tools": [{"googleSearch": {}}]}
FOUND: Any = {"groundingMetadata": {"webSearchQueries": ["population"]}}
HELPED = "an answer based on a search or another tool of the API"
FORMATS = ("openai-chat", "anthropic-messages", "sharegpt", "gemini-tuning")


def searching(*contents: Any, thread: Any = None, found: bool = False, **request: Any) -> Record:
    """An exchange with a search that was on, and that found something or not."""
    *prompt, said = contents
    candidate = {"content": said, "finishReason": "STOP", **(FOUND if found else {})}
    return make_record(
        request_raw=json.dumps({"contents": prompt, **SEARCHING, **request}).encode(),
        response_raw=json.dumps({"candidates": [candidate]}).encode(),
        thread=thread,
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("helped", [True, False])
async def test_what_a_search_has_found_is_not_taught_in_this_turn_nor_in_later_ones(
    store: Store, name: str, *, helped: bool
) -> None:
    """A later request has the words of an earlier answer, and not where they came from."""
    say = [user("How many?"), model("12,345"), user("And in words?"), model("Twelve thousand and so on.")]
    thread = {"id": ObjectId(), "turn": 1, "parent": None, "new_messages": 1}
    first = searching(*say[:2], thread=thread, found=helped)
    later = searching(*say, thread={**thread, "turn": 2, "parent": first.document["_id"]})
    await store.put([first, later])
    content, report = await export(name, store, every_turn=True)
    assert report.left_out == ({HELPED: 2} if helped else {})
    assert len(lines_of(content)) == (0 if helped else 2)


async def test_an_earlier_answer_that_was_not_recorded_may_come_from_a_search(store: Store) -> None:
    """Nobody knows, so it is left out; without a search it is kept."""
    say = [user("How many?"), model("12,345"), user("Sure?"), model("Yes.")]
    await store.put([searching(*say, thread=None), searching(*say, thread=None, tools=[])])
    content, report = await export("openai-chat", store, every_turn=True)
    assert report.left_out == {HELPED: 1}
    assert len(lines_of(content)) == 1


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "anthropic-messages"])
async def test_a_picture_that_a_tool_gave_back_is_not_left_out_of_the_line_unseen(store: Store, name: str) -> None:
    """The model would be taught to describe what it never saw."""
    drawn = {
        "functionResponse": {
            "name": "draw",
            "response": {},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
        }
    }
    called = model({"functionCall": {"name": "draw", "args": {}}})
    await store.put([turn(user("Draw it."), called, user(drawn), model("One red square."))])
    content, report = await export(name, store)
    assert content == b""
    ((reason, number),) = report.left_out.items()
    assert reason.startswith("media")
    assert number == 1


@pytest.mark.parametrize("name", FORMATS)
async def test_what_begins_with_cached_content_has_no_beginning(store: Store, name: str) -> None:
    """The cache has the document that the answer is about."""
    await store.put([searching(user("Mondays?"), model("At nine."), tools=[], cachedContent="cachedContents/abc")])
    content, report = await export(name, store)
    assert (content, report.left_out) == (b"", {"its beginning is not recorded": 1})
