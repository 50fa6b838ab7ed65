"""Causes of cache misses, against a simulated provider that knows them."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from gemtap.conversation.cache_miss import MINIMUM, Turn, miss_between
from gemtap.conversation.changes import changes_between
from gemtap.conversation.model import Call, Conversation, Message, Result, Text, Thought, Tool

EXPIRES = timedelta(minutes=5)
CHARACTERS_A_TOKEN = 4


@dataclass
class Provider:
    """Caches every prefix of a prompt that ends with a message, for some minutes after its last use."""

    random: random.Random
    minimum: int
    entries: dict[str, timedelta] = field(default_factory=dict)
    longest: int = 0
    """Tokens of the longest prompt: nothing shorter than the minimum is cached."""

    def ask(self, model: str, conversation: Conversation, now: timedelta, *, evict: bool) -> tuple[Turn, str]:
        """What the API reports, and why it found nothing."""
        prefixes = _prefixes(model, conversation)
        found = [prefix for prefix in prefixes if prefix in self.entries]
        fresh = [prefix for prefix in found if now - self.entries[prefix] <= EXPIRES]
        tokens = len(prefixes[-1]) // CHARACTERS_A_TOKEN
        cached = 0 if evict or not fresh else len(fresh[-1]) // CHARACTERS_A_TOKEN
        cached = cached if cached >= self.minimum else 0
        if not evict and cached:
            why = "hit"
        elif min(tokens, self.longest) < self.minimum or (
            found and len(found[-1]) // CHARACTERS_A_TOKEN < self.minimum
        ):
            why = "below the minimum"
        else:
            why = "evicted" if fresh else "expired" if found else "changed"
        self.longest = max(self.longest, tokens)
        self.entries |= dict.fromkeys(prefixes, now)
        return Turn(model, tokens, cached), why


def _prefixes(model: str, conversation: Conversation) -> list[str]:
    text = json.dumps([model, [repr(tool) for tool in conversation.tools], conversation.system])
    prefixes = []
    for message in conversation.prompt:
        text += repr(message)
        prefixes.append(text)
    return prefixes


def conversation(source: random.Random, turns: int, size: int) -> Conversation:
    """An agent's conversation: what it was given after so many turns, and an answer."""
    messages = [Message("user", (Text(words(source, size)),))]
    for number in range(turns):
        messages.append(Message("model", (Call("read", {"path": f"{number}.py"}),)))
        messages.append(Message("tool", (Result({"output": words(source, size)}, "read"),)))
    tools = tuple(Tool(name, words(source, 20), {"type": "object"}) for name in ("read", "write", "search"))
    answer = Message("model", (Thought("Hm."), Call("read", {"path": "next.py"})))
    return Conversation(words(source, size), tuple(messages), answer, tools)


def words(source: random.Random, count: int) -> str:
    return " ".join(source.choice(("alpha", "beta", "gamma", "delta", "epsilon")) for _ in range(count))


def continued(source: random.Random, before: Conversation) -> Conversation:
    """The next turn of a client that only adds messages, without the model's thoughts."""
    assert before.answer is not None
    said = replace(before.answer, parts=tuple(part for part in before.answer.parts if not isinstance(part, Thought)))
    return replace(
        before, prompt=(*before.prompt, said, Message("tool", (Result({"output": words(source, 40)}, "read"),)))
    )


def changed(source: random.Random, after: Conversation, what: str) -> Conversation:
    if what == "tools":
        at = source.randrange(len(after.tools))
        tools = list(after.tools)
        tools[at] = replace(tools[at], description=f"{tools[at].description} and more")
        return replace(after, tools=tuple(tools))
    if what == "system":
        return replace(after, system=f"It is {source.randrange(24)}:{source.randrange(60)}. {after.system}")
    if what == "history":
        prompt = list(after.prompt)
        prompt[0] = Message("user", (Text(words(source, 30)),))
        return replace(after, prompt=tuple(prompt))
    return after


Case = tuple[str, str, bool]


def cases() -> list[Case]:
    """For each simulated miss: its cause, the cause that is told, and whether it is told as certain."""
    source = random.Random(1)
    found: list[Case] = []
    for _ in range(320):
        provider = Provider(source, minimum=source.choice((1_024, 2_048, 4_096)))
        first = conversation(source, source.randrange(1, 12), source.choice((60, 600, 1_200)))
        what = source.choice(("tools", "system", "history", "model", "nothing", "nothing", "nothing"))
        second = changed(source, continued(source, first), what)
        gap = timedelta(minutes=source.choice((0.1, 1, 4, 4, 30, 90)))
        model = "other" if what == "model" else "model"
        before, _ = provider.ask("model", first, timedelta(0), evict=False)
        after, why = provider.ask(model, second, gap, evict=what == "nothing" and source.random() < 0.5)
        if why == "hit":
            continue
        cause = what if why == "changed" else why
        told = miss_between(before, after, changes_between(first, second, {}, {}), second, gap)
        assert told is not None
        found.append((cause, told.cause, told.is_certain))
    return found


def test_causes_are_told_as_a_provider_knows_them() -> None:
    """At least 99 % of the causes that can be told are right, and none is told as certain that is wrong."""
    all_cases = cases()
    counted = Counter(cause for cause, _, _ in all_cases)
    assert min(counted[cause] for cause in ("tools", "system", "history", "model", "expired", "evicted")) >= 8, counted
    wrong = [case for case in all_cases if case[2] and not is_right(case[0], case[1])]
    assert wrong == []
    tellable = [case for case in all_cases if case[1] != "unknown" and case[0] != "evicted"]
    assert sum(is_right(cause, told) for cause, told, _ in tellable) >= 0.99 * len(tellable)
    assert len(tellable) > 0.5 * len(all_cases)
    # Certainty is worth something only if most causes have it.
    assert sum(certain for _, _, certain in tellable) > 0.7 * len(tellable)


def is_right(cause: str, told: str) -> bool:
    return told == cause or (cause == "below the minimum" and told == "unknown")


@pytest.mark.parametrize(("cached", "given"), [(2_000, 4_000), (None, None)])
def test_no_miss_is_told_without_one(cached: int | None, given: int | None) -> None:
    """A turn with cached tokens, or without any counts, has no miss."""
    first = conversation(random.Random(2), 3, 50)
    nothing = changes_between(first, first, {}, {})
    turn = Turn("m", given, cached)
    assert miss_between(turn, turn, nothing, first, timedelta(0)) is None


def test_the_first_difference_has_a_place() -> None:
    """The part that changed is named, with the offset of its first different character."""
    first = replace(conversation(random.Random(3), 3, 50), system="You are careful.\nToday is Monday.")
    second = replace(first, system="You are careful.\nToday is Sunday.")
    turn = Turn("m", 10 * MINIMUM, 0)
    miss = miss_between(turn, turn, changes_between(first, second, {}, {}), second, timedelta(0))
    assert miss is not None
    assert (miss.cause, miss.what, miss.place) == ("system", "System instruction", len("You are careful.\nToday is "))
    assert miss.tokens == 10 * MINIMUM
