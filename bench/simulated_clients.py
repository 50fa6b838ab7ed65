"""Simulated clients that know which of their turns continues which, for checking threads.

They change their context as real clients do: Cline removes the middle and keeps the first exchange, Roo Code inserts a
summary before the last messages, gemini-cli inserts one before the last third, opencode replaces everything by one.
aider puts the files before the question and its rules after it, and moves both to the next question; others add a
message of their own to each request.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from gemtap.simulation import prose

Message = dict[str, Any]

_TASKS: Final = (
    "Find out why the import of large CSV files is slow, and make it fast.",
    "The date picker shows yesterday for users west of Greenwich. Fix it.",
    "Add a --json flag to the list command.",
    "Rename Customer to Account everywhere but in the API.",
)
"""Only a few, so that many conversations begin with the same words."""

_FOLLOW_UPS: Final = (
    "Go on.",
    "Now run the tests.",
    "Why this way?",
    "Write that up for the changelog.",
    "Thanks. Next?",
)


@dataclass
class Turn:
    """A request, its response, and the position that the client knows."""

    habit: str
    """The client's change to the context before this request."""
    contents: list[Message]
    answer: Message | None
    """None if it failed."""
    broke_off: bool = False
    parent: Turn | None = None
    """The turn that this one continues. For a retry, the parent of the first attempt."""


def user(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "parts": [{"text": text}]}


def model(text: str) -> Message:
    """A message of the model."""
    return {"role": "model", "parts": [{"text": text}]}


@dataclass
class Client:
    """One conversation of one client."""

    rng: Random
    contents: list[Message] = field(default_factory=list)
    last: Turn | None = None
    """The last successful turn."""
    _earlier: list[tuple[list[Message], Turn]] = field(default_factory=list)
    """The context after each response, for going back."""

    def work(self, turns: int) -> Iterator[Turn]:
        """Its requests, in order."""
        self.contents = [user(self.rng.choice(_TASKS))]
        yield from self._ask("first turn")
        for _ in range(turns):
            habits = self._habits()
            habit = self.rng.choices(list(habits), [weight for weight, _ in habits.values()])[0]
            yield from habits[habit][1](habit)

    def _habits(self) -> dict[str, tuple[float, Callable[[str], Iterator[Turn]]]]:
        habits: dict[str, tuple[float, Callable[[str], Iterator[Turn]]]] = {
            "tool call": (10, self._call_tool),
            "next question": (5, self._follow_up),
            "retry after a failure": (1, self._retry),
            "continues a truncated answer": (1, self._cut),
            "side question": (1, self._aside),
        }
        if len(self._earlier) > 2:
            habits["branch: another question"] = (1, self._branch)
            habits["edited last question"] = (1, self._edit)
        if len(self.contents) > 10:
            habits["middle removed (Cline)"] = (0.6, self._cut_middle)
            habits["summary, then the last messages (Roo Code)"] = (0.6, self._condense)
            habits["summary, then the last third (gemini-cli)"] = (0.6, self._compress)
            habits["summary alone (opencode)"] = (0.6, self._summarise)
        return habits

    def _ask(self, habit: str, answer: Message | None = None) -> Iterator[Turn]:
        """Send the context, and append the response to it as a client does."""
        said = answer or self._answer()
        turn = Turn(habit, copy.deepcopy(self.contents), said, parent=self.last)
        yield turn
        self.last = turn
        self.contents.append(self._taken_in(said))
        self._earlier.append((list(self.contents), turn))

    def _answer(self) -> Message:
        if self.rng.random() < 0.1:
            return model(self.rng.choice(["Done.", "OK.", "All tests pass."]))
        return model(prose.answer(self.rng.choice(_TASKS), self.rng))

    def _taken_in(self, said: Message) -> Message:
        """The response as clients resend it: without thinking, joined, and with whitespace trimmed."""
        parts = [dict(part) for part in said["parts"] if not part.get("thought")]
        for part in parts:
            part.pop("thoughtSignature", None)
            if "text" in part and self.rng.random() < 0.5:
                part["text"] = part["text"].strip()
        return {"role": "model", "parts": parts}

    def _call_tool(self, habit: str) -> Iterator[Turn]:
        path = f"src/module_{self.rng.randint(1, 60)}.py"
        call = {"functionCall": {"name": "read_file", "args": {"path": path}}}
        self.contents.append(user(self.rng.choice(_FOLLOW_UPS)))
        thought = {"text": "I should look first.", "thought": True}
        yield from self._ask(
            "next question", {"role": "model", "parts": [thought, {**call, "thoughtSignature": "c2ln"}]}
        )
        found = {"output": f"{self.rng.randint(1, 9)} lines of {path}"}
        result = {"functionResponse": {"name": "read_file", "response": found}}
        self.contents.append({"role": "user", "parts": [result]})
        yield from self._ask(habit)

    def _follow_up(self, habit: str) -> Iterator[Turn]:
        self.contents.append(user(self.rng.choice(_FOLLOW_UPS)))
        yield from self._ask(habit)

    def _retry(self, habit: str) -> Iterator[Turn]:
        self.contents.append(user(self.rng.choice(_FOLLOW_UPS)))
        yield Turn("failed request", copy.deepcopy(self.contents), None, parent=self.last)
        yield from self._ask(habit)

    def _cut(self, habit: str) -> Iterator[Turn]:
        """The user aborts the response, and the client keeps its beginning."""
        self.contents.append(user(self.rng.choice(_FOLLOW_UPS)))
        text = prose.answer(self.rng.choice(_TASKS), self.rng)
        turn = Turn("stopped by the user", copy.deepcopy(self.contents), model(text), broke_off=True, parent=self.last)
        yield turn
        self.last = turn
        self.contents += [model(text[: len(text) // 2]), user("Stop. Do it otherwise.")]
        yield from self._ask(habit)

    def _aside(self, habit: str) -> Iterator[Turn]:
        """Ask for a title of the conversation: a separate request that continues nothing."""
        contents = [user("Generate a title for this conversation:"), self.contents[0]]
        yield Turn(habit, copy.deepcopy(contents), model(f"Title {self.rng.randint(1, 10**6)}"))

    def _branch(self, habit: str) -> Iterator[Turn]:
        contents, turn = self.rng.choice(self._earlier[:-1])
        self.contents, self.last = [*contents, user(self.rng.choice(_FOLLOW_UPS))], turn
        yield from self._ask(habit)

    def _edit(self, habit: str) -> Iterator[Turn]:
        contents, turn = self._earlier[-2]
        self.contents, self.last = [*contents, user(f"No: {self.rng.choice(_FOLLOW_UPS)}")], turn
        yield from self._ask(habit)

    def _cut_middle(self, habit: str) -> Iterator[Turn]:
        keep = len(self.contents) // 4 * 2
        self.contents = [*self.contents[:2], *self.contents[-keep:], user(self.rng.choice(_FOLLOW_UPS))]
        yield from self._ask(habit)

    def _condense(self, habit: str) -> Iterator[Turn]:
        summary = model(f"Summary of {len(self.contents)} messages. " + prose.answer("what was done", self.rng))
        self.contents = [self.contents[0], summary, *self.contents[-3:], user(self.rng.choice(_FOLLOW_UPS))]
        yield from self._ask(habit)

    def _compress(self, habit: str) -> Iterator[Turn]:
        snapshot = user(f"<state_snapshot> {prose.answer('the state', self.rng)} </state_snapshot>")
        kept = self.contents[-(len(self.contents) // 3) :]
        acknowledged = model("Got it. Thanks for the additional context!")
        self.contents = [snapshot, acknowledged, *kept, user(self.rng.choice(_FOLLOW_UPS))]
        yield from self._ask(habit)

    def _summarise(self, habit: str) -> Iterator[Turn]:
        """Ask the model for a summary, which replaces everything before it."""
        self.contents.append(user("Summarise our conversation so that another agent can go on from it."))
        summary = prose.answer(f"what was done in {len(self.contents)} messages", self.rng)
        yield from self._ask("next question", model(summary))
        self.contents = [user(summary), user(self.rng.choice(_FOLLOW_UPS))]
        yield from self._ask(habit)


_RULES: Final = (
    "# *Edit block* rules:\n\nEvery block has a path and a language.\n\nReply in English.\nONLY EVER RETURN CODE!"
)
_FILES: Final = "I have *added these files to the chat*. Trust this message:\n\na.py\n```\ndef f():\n    return 1\n```"


class Reminding(Client):
    """A conversation of aider's: the same rules stand at the end of each question until the next one is asked."""

    habit = "rules at the end of the question (aider)"

    def work(self, turns: int) -> Iterator[Turn]:
        """Its requests, in order."""
        self.contents = [user("Rename f."), model("Here is f with its new name."), user("Forget that."), model("Ok.")]
        task = self.rng.choice(_TASKS)
        for number in range(turns):
            question = task if number == 0 else self.rng.choice((*_FOLLOW_UPS, "No.\n\nTry again."))
            said = self._answer()
            contents = self._request(question)
            self.last = Turn("first turn" if number == 0 else self.habit, contents, said, parent=self.last)
            yield self.last
            self._take_in(question, said)

    def _request(self, question: str) -> list[Message]:
        files = [user(_FILES), model("Ok, any changes I propose will be to those files.")]
        return [*copy.deepcopy(self.contents), *files, user(f"{question}\n\n{_RULES}")]

    def _take_in(self, question: str, said: Message) -> None:
        self.contents += [user(question), self._taken_in(said)]
        if self.rng.random() < 0.5:
            self.contents += [user("I updated the files."), model("Ok.")]


class Noting(Reminding):
    """A client that adds a message with the time after each question, and leaves it out later."""

    habit = "a message of the client's after the question"

    def _request(self, question: str) -> list[Message]:
        note = (
            f"<note> It is {self.rng.randint(0, 23)}:{self.rng.randint(10, 59)}. Nothing is to be said of this. </note>"
        )
        return [*copy.deepcopy(self.contents), user(question), user(note)]

    def _take_in(self, question: str, said: Message) -> None:
        self.contents += [user(question), self._taken_in(said)]

    def _answer(self) -> Message:
        return model(prose.answer(self.rng.choice(_TASKS), self.rng))
