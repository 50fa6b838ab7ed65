"""Conversations as clients really go on with them: what continues what is found from the content."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.dialects.gemini_content.conversation import read
from gemtap.interaction import Thread
from gemtap.recorder.fingerprint import fingerprint_of, stored_fingerprint
from gemtap.recorder.threads import Threads
from gemtap.stores.base import Filter, Record, Store
from gemtap.stores.opening import open_store
from tests.records import NOON, make_record

pytestmark = pytest.mark.anyio

Message = dict[str, Any]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    yield store
    await store.close()


class Recorded:
    """A recorder that is started anew for each interaction: what it knows is what the store knows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at = NOON

    async def ask(self, messages: Sequence[Message], answer: Message | None, **fields: Any) -> tuple[ObjectId, Thread]:
        """Record the request and its answer; the interaction's id and its place."""
        self._at += timedelta(seconds=5)
        body = json.dumps({"contents": messages}).encode()
        answered = json.dumps({"candidates": [{"content": answer}] if answer else []}).encode()
        record = make_record(request_raw=body, response_raw=answered, timestamp=self._at, thread=None, **fields)
        thread = (await record_in(self._store, record))["thread"]
        assert thread is not None
        return record.document["_id"], thread


async def record_in(store: Store, *records: Record) -> dict[str, Any]:
    """Record these together, and return the first as lists have it."""
    threads = Threads(store)
    placed = await threads.place([(each, stored_fingerprint(each.document)) for each in records])
    await threads.join(placed, await store.put([each.record for each in placed]))
    (listed,) = await store.list(Filter(id=records[0].document["_id"]), limit=1)
    return listed


@pytest.fixture
def recorded(store: Store) -> Recorded:
    return Recorded(store)


def user(text: str) -> Message:
    return {"role": "user", "parts": [{"text": text}]}


def model(text: str, **fields: Any) -> Message:
    return {"role": "model", "parts": [{"text": text, **fields}]}


def call(name: str, **arguments: Any) -> Message:
    return {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}


def result(name: str, value: Any) -> Message:
    return {"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"output": value}}}]}


async def test_a_conversation_is_one_thread(recorded: Recorded) -> None:
    """The turns of a conversation form one thread."""
    said = [user("Fix the import of large files, please.")]
    first, thread = await recorded.ask(said, call("read_file", path="import.py"))
    assert thread == {"id": first, "turn": 1, "parent": None, "new_messages": 1}
    said += [call("read_file", path="import.py"), result("read_file", "def load(): ...")]
    second, thread = await recorded.ask(said, model("It reads all at once."))
    assert thread == {"id": first, "turn": 2, "parent": first, "new_messages": 1}
    said += [model("It reads all at once."), user("Then stream it."), user("And test that.")]
    _, thread = await recorded.ask(said, model("Done."))
    assert thread == {"id": first, "turn": 3, "parent": second, "new_messages": 2}


async def test_what_clients_change_when_they_send_an_answer_again(recorded: Recorded) -> None:
    """Thoughts and signatures go, ids change, pieces become one, white space is trimmed."""
    said = [user("Why?")]
    answer = {
        "role": "model",
        "parts": [{"text": "Hm.", "thought": True}, {"text": "Be"}, {"text": "cause. \n", "thoughtSignature": "x"}],
    }
    first, _ = await recorded.ask(said, answer)
    _, thread = await recorded.ask([*said, model("Because."), user("I see.")], model("Good."))
    assert (thread["parent"], thread["turn"]) == (first, 2)


async def test_a_branch_has_its_own_turns(recorded: Recorded) -> None:
    """Somebody goes back and asks otherwise."""
    said = [user("Write a poem about the sea."), model("Waves.")]
    first, _ = await recorded.ask(said[:1], said[1])
    left, thread_left = await recorded.ask([*said, user("Longer.")], model("Waves, waves."))
    right, thread_right = await recorded.ask([*said, user("Shorter.")], model("W."))
    assert thread_left["parent"] == thread_right["parent"] == first
    assert thread_left["turn"] == thread_right["turn"] == 2
    _, deeper = await recorded.ask([*said, user("Longer."), model("Waves, waves."), user("More.")], model("..."))
    assert (deeper["parent"], deeper["turn"], deeper["id"]) == (left, 3, first)
    assert right not in (deeper["parent"], left)


async def test_a_retry_stands_where_the_first_try_stood(recorded: Recorded) -> None:
    """A retry has the place of the failed attempt."""
    said = [user("Hello there, who are you?"), model("A model.")]
    first, _ = await recorded.ask(said[:1], said[1])
    _, failed = await recorded.ask([*said, user("Which?")], None, outcome="upstream_timeout")
    _, again = await recorded.ask([*said, user("Which?")], model("A good one."))
    assert failed == again == {"id": first, "turn": 2, "parent": first, "new_messages": 1}


async def test_a_first_question_that_failed_is_retried_in_its_thread(recorded: Recorded) -> None:
    """The retry of a failed first prompt joins its thread."""
    first, _ = await recorded.ask([user("Hello?")], None, outcome="upstream_timeout")
    _, again = await recorded.ask([user("Hello?")], model("Hi."))
    assert again == {"id": first, "turn": 1, "parent": None, "new_messages": 1}


async def test_the_same_first_question_begins_another_thread(recorded: Recorded) -> None:
    """A repeated first prompt begins another thread."""
    first, _ = await recorded.ask([user("Hello?")], model("Hi."))
    second, thread = await recorded.ask([user("Hello?")], model("Hi."))
    assert thread["id"] == second != first
    _, thread = await recorded.ask([user("Hello?"), model("Hi."), user("Bye.")], model("Bye."))
    assert thread["id"] == second  # of two that fit the newer one


async def test_an_answer_that_was_cut_or_edited_is_still_gone_on_from(recorded: Recorded) -> None:
    """A turn continues a truncated or edited answer."""
    first, _ = await recorded.ask([user("Count to ten for me.")], model("1, 2, 3"), outcome="client_disconnected")
    _, thread = await recorded.ask([user("Count to ten for me."), model("1, 2"), user("Go on.")], model("3"))
    assert (thread["id"], thread["parent"]) == (first, first)


async def test_a_question_without_an_answer_is_gone_on_from(recorded: Recorded) -> None:
    """A turn continues a prompt without an answer."""
    first, _ = await recorded.ask([user("Count.")], None, outcome="client_disconnected")
    _, thread = await recorded.ask([user("Count."), user("To ten, I mean.")], model("1"))
    assert (thread["id"], thread["parent"], thread["new_messages"]) == (first, first, 1)


async def test_a_beginning_that_was_compacted_is_still_the_same_thread(recorded: Recorded) -> None:
    """The client has put a summary in the place of all but the last exchange."""
    asked, answered = user("Rename Customer to Account everywhere."), model("I have renamed it in 14 files.")
    long = [user("Begin with the tests, as always."), model("All right, tests come first."), asked]
    first, _ = await recorded.ask(long[:1], long[1])
    second, _ = await recorded.ask(long, answered)
    compacted = [user("Summary: the tests are written."), model("Understood."), asked, answered, user("And the docs?")]
    _, thread = await recorded.ask(compacted, model("Those too."))
    assert thread == {"id": first, "turn": 3, "parent": second, "new_messages": 1}


async def test_a_client_that_cuts_the_middle_out_goes_on_from_the_last_turn(recorded: Recorded) -> None:
    """And not from the first, though the beginning is still all the same."""
    said = [
        user("Rename Customer to Account."),
        model("Let me look at the code first."),
        user("Yes."),
        model("Found it."),
    ]
    first, _ = await recorded.ask(said[:1], said[1])
    second, _ = await recorded.ask(said[:3], said[3])
    asked, answered = user("And is it in the tests as well?"), model("In nine of them, all renamed.")
    third, _ = await recorded.ask([*said, asked], answered)
    _, thread = await recorded.ask([*said[:2], asked, answered, user("Thanks.")], model("Gladly."))
    assert thread == {"id": first, "turn": 4, "parent": third, "new_messages": 1}
    assert second != third


async def test_a_short_exchange_is_known_by_what_stands_before_it(recorded: Recorded) -> None:
    """A short answer is identified together with earlier messages."""
    asked = [
        user("Rename Customer to Account in every file."),
        model("Done, in 14 files."),
        user("Go on."),
        model("OK."),
    ]
    first, _ = await recorded.ask(asked[:1], asked[1])
    second, _ = await recorded.ask(asked[:3], asked[3])
    _, thread = await recorded.ask([user("Summary: nothing yet."), model("Understood."), *asked, user("x")], None)
    assert thread == {"id": first, "turn": 3, "parent": second, "new_messages": 1}


@pytest.mark.parametrize("speaker", ["user", "model"])
async def test_a_summary_in_the_place_of_all_goes_on_from_the_turn_that_made_it(
    recorded: Recorded, speaker: str
) -> None:
    """A summary that replaces the history continues its turn."""
    summary = "Customer is now Account in 14 files; the API still says Customer, as it should. " * 4
    first, _ = await recorded.ask([user("Summarise it all.")], model(summary))
    again = {"role": speaker, "parts": [{"text": summary}]}
    before = [] if speaker == "user" else [user("What did we do so far?")]
    _, thread = await recorded.ask([*before, again, user("Then the docs.")], model("Those too."))
    assert thread == {"id": first, "turn": 2, "parent": first, "new_messages": 1}
    # Somebody who speaks of it is no part of the conversation.
    aside, thread = await recorded.ask([user("A title for this, please:"), user(summary)], model("Accounts"))
    assert thread["id"] == aside


async def test_a_short_exchange_does_not_tie_strangers_together(recorded: Recorded) -> None:
    """Equal short messages do not join unrelated threads."""
    first, _ = await recorded.ask([user("Task one, a long one."), model("Ok."), user("go on")], model("Ok."))
    _, thread = await recorded.ask([user("Task two."), model("What?"), user("go on"), model("Ok."), user("x")], None)
    assert thread["id"] != first


RULES = "# *Edit block* rules:\n\nEvery block has a path.\n\nONLY EVER RETURN CODE IN A *BLOCK*!"
FILES = [user("I have *added these files to the chat*.\n\na.py\n\n    def f(): ..."), model("Ok, I change those.")]


def reminded(question: str, rules: str = RULES) -> Message:
    return user(f"{question}\n\n{rules}")


@pytest.mark.parametrize("updated", [[], [user("I updated the files."), model("Ok.")]], ids=["", "updated"])
async def test_rules_at_the_end_of_the_question_move_to_the_next(recorded: Recorded, updated: list[Message]) -> None:
    """As aider does it, with the files before the question, and with questions of several paragraphs."""
    said: list[Message] = []
    turns = []
    for question, answer in (("Rename f.", "Done."), ("No.\n\nCall it g.", "Done."), ("And in the tests?", "Done.")):
        turns.append((await recorded.ask([*said, *FILES, reminded(question)], model(answer)))[1])
        said += [user(question), model(answer), *updated]
    assert [each["turn"] for each in turns] == [1, 2, 3]
    assert len({each["id"] for each in turns}) == 1


async def test_rules_do_not_tie_strangers_together(recorded: Recorded) -> None:
    """The question before the rules counts, and so do all of the rules."""
    await recorded.ask([reminded("Rename f.")], model("Done."))
    for others in ([user("Rename h."), model("Done.")], [user("Rename f."), model("No.")]):
        _, thread = await recorded.ask([*others, reminded("And now?")], model("So."))
        assert thread["turn"] == 1
    said = [user("Rename f."), model("Done.")]
    _, thread = await recorded.ask([*said, reminded("And now?", RULES.replace("path", "name"))], model("So."))
    assert thread["turn"] == 1
    _, thread = await recorded.ask([*said, user("And now?")], model("So."))
    assert thread["turn"] == 1


async def test_a_message_that_the_client_leaves_out_later_hides_no_thread(recorded: Recorded) -> None:
    """It stands after the question and says something else each time. A short answer is not enough to know it by."""
    answer = model("The sky scatters short waves more than long ones.")
    await recorded.ask([user("Why?"), user("<note> It is 9:15. </note>")], answer)
    _, thread = await recorded.ask([user("Why?"), answer, user("And ice?"), user("<note> 9:16 </note>")], model("So."))
    assert thread["turn"] == 2
    _, thread = await recorded.ask([user("Why?"), answer, user("And ice?"), model("So."), user("And?")], model("So."))
    assert (thread["turn"], thread["new_messages"]) == (2, 3)


questions = st.lists(st.text("ab ", min_size=1, max_size=30), min_size=1, max_size=4).map("\n\n".join)


@settings(deadline=None, max_examples=60)
@given(
    asked=st.lists(st.tuples(st.sampled_from("XY"), questions, st.sampled_from(["Ok.", "Done."])), max_size=12),
    rules=st.sampled_from([RULES, RULES.replace("\n\n", "\n")]),
)
def test_two_conversations_with_the_same_rules_stay_apart(asked: list[tuple[str, str, str]], rules: str) -> None:
    """Whatever is asked: the links of each turn lead to the one before it in its conversation, and to no other's."""
    said: dict[str, list[Message]] = {"X": [], "Y": []}
    last: dict[str, set[bytes]] = {}
    for name, question, answer in asked:
        question = f"{name}: {question}"
        body = {"contents": [*said[name], *FILES, reminded(question, rules)]}
        found = fingerprint_of(read(body, {"candidates": [{"content": model(answer)}]}))
        assert found is not None
        sought = {link for link, _ in found.sought}
        assert name not in last or sought & last[name]
        for other, links in last.items():
            assert other == name or not sought & links
        last[name] = set(found.links)
        said[name] += [user(question), model(answer)]


async def test_openai_shapes_too(store: Store) -> None:
    """Here with instructions that tell the time, and so change from turn to turn."""
    asked = {"role": "user", "content": "Which day is it today?"}
    said = {"role": "assistant", "content": "Monday, I am told."}
    turns = [
        [{"role": "system", "content": "Today is Monday."}, asked],
        [{"role": "system", "content": "It is Tuesday."}, asked, said, {"role": "user", "content": "Sure?"}],
    ]
    placed = []
    for messages in turns:
        record = make_record(
            request_raw=json.dumps({"messages": messages}).encode(),
            response_raw=json.dumps({"choices": [{"message": said}]}).encode(),
            operation="openai.chat.completions",
        )
        placed.append(await record_in(store, record))
    assert placed[1]["thread"] is not None
    assert placed[1]["thread"]["parent"] == placed[0]["_id"]


async def test_what_names_the_one_that_it_goes_on_from(store: Store) -> None:
    """The API keeps the conversation: the same few words are asked in two of them."""

    async def ask(said: str, id_: str, previous: str | None = None) -> tuple[ObjectId, Thread]:
        request = {"input": said, **({"previous_interaction_id": previous} if previous else {})}
        answer = {"id": id_, "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Done."}]}]}
        record = make_record(
            request_raw=json.dumps(request).encode(),
            response_raw=json.dumps(answer).encode(),
            operation="interactions.create",
        )
        document = await record_in(store, record)
        assert document["thread"] is not None
        return document["_id"], document["thread"]

    one, _ = await ask("Write a poem about the sea.", "a")
    other, _ = await ask("Write a play about the sea.", "b")
    second, thread = await ask("Longer.", "c", previous="a")
    assert thread == {"id": one, "turn": 2, "parent": one, "new_messages": 1}
    _, thread = await ask("Longer.", "d", previous="b")
    assert thread == {"id": other, "turn": 2, "parent": other, "new_messages": 1}
    _, thread = await ask("Longer.", "e", previous="c")
    assert thread == {"id": one, "turn": 3, "parent": second, "new_messages": 1}
    _, thread = await ask("Longer.", "f", previous="never seen")
    assert thread["parent"] is None


async def test_what_is_no_conversation_has_no_thread() -> None:
    """Other operations have no thread."""
    assert stored_fingerprint(make_record(operation="models.list", request_raw=b"").document) is None
    assert stored_fingerprint(make_record(request_raw=b"{}").document) is None
    assert stored_fingerprint(make_record(request_raw=b"no JSON").document) is None


RECORDINGS = os.environ.get("GEMTAP_TEST_RECORDINGS")


@pytest.mark.skipif(RECORDINGS is None, reason="GEMTAP_TEST_RECORDINGS names no folder of recordings")
async def test_recorded_agents(recorded: Recorded) -> None:
    """Streams of gemini-cli: each session's main calls are a thread, turn by turn; none of them joins another's."""
    assert RECORDINGS is not None
    sessions = json.loads((Path(RECORDINGS) / "gemini-cli-streams.json").read_text())
    right = wrong = missed = 0
    seen: dict[ObjectId, str] = {}
    for session in sessions:
        said: list[Message] = [user(f"Task of {session['name']}")]
        last: ObjectId | None = None
        for number, each in enumerate(session["calls"]):
            if each["method"] != "generateContentStream":
                continue
            parts = [
                part
                for chunk in each["response"]
                for candidate in chunk.get("candidates", [])
                for part in candidate.get("content", {}).get("parts", [])
            ]
            id_, thread = await recorded.ask(said, {"role": "model", "parts": parts})
            right += thread["parent"] == last
            missed += thread["parent"] is None and last is not None
            wrong += thread["parent"] not in (None, last)
            seen[id_], last = session["name"], id_
            kept = [
                {k: v for k, v in part.items() if k != "thoughtSignature"} for part in parts if not part.get("thought")
            ]
            calls = [part["functionCall"] for part in parts if "functionCall" in part]
            said += [{"role": "model", "parts": kept}] if kept else []
            said += [result(each["name"], f"result {number}") for each in calls] or [user("Go on, please.")]
    print(f"right {right}, wrong {wrong}, missed {missed}")
    assert (wrong, missed) == (0, 0)
    assert right == len(seen) > 10
