"""Writing a conversation as a request in another dialect: what every dialect's writer needs.

What a dialect has no place for is left out and told: whoever sends the request reads it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gemtap.conversation.canonical import Place, paired
from gemtap.conversation.model import Conversation, Media, Message, Other, Result, Thought
from gemtap.interaction import Json
from gemtap.json_access import as_dict

_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("temperature",), "temperature"),
    **dict.fromkeys(("topP", "top_p"), "top_p"),
    **dict.fromkeys(("topK", "top_k"), "top_k"),
    **dict.fromkeys(("seed", "random_seed"), "seed"),
    **dict.fromkeys(("stopSequences", "stop_sequences", "stop"), "stop"),
    **dict.fromkeys(
        ("maxOutputTokens", "max_output_tokens", "max_completion_tokens", "max_tokens", "num_predict"), "max_tokens"
    ),
}
"""What each API calls the settings that all have."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be asked."""

    conversation: Conversation
    model: str
    streaming: bool
    settings: Json = None
    """The generation settings of the request that it comes from, by that API's names."""


@dataclass(frozen=True, slots=True)
class Written:
    """A request in the shape of a dialect."""

    path: str
    """Raw, as the API knows it."""
    query: str
    body: dict[str, Any]
    lost: tuple[str, ...] = ()
    """What could not be carried over, each in a clause for people: `2 times: a thought of the model`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Request headers that the API demands, beside the content type and the credential."""


class Losses:
    """Collects what could not be carried over."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, what: str) -> None:
        """One more of these: `what` is a noun in the singular."""
        self._counts[what] = self._counts.get(what, 0) + 1

    def told(self) -> Iterator[str]:
        """Each kind once, with its number."""
        for what, number in self._counts.items():
            yield what if number == 1 else f"{number} times: {what}"


class Writer(Protocol):
    """Writes a prompt as a request of one dialect."""

    def __call__(self, prompt: Prompt) -> Written:
        """The request; with everything that has no place in it in `lost`."""
        ...


@dataclass(slots=True)
class Writing:
    """A prompt while it is written."""

    prompt: Prompt
    losses: Losses = field(default_factory=Losses)
    _answered: dict[Place, Place] = field(init=False)
    """The place of each result's call."""

    def __post_init__(self) -> None:
        self._answered = paired(self.prompt.conversation.prompt)

    def settings(self, known: Mapping[str, str]) -> dict[str, Any]:
        """The settings by the dialect's names; `known` has these by the common ones."""
        found: dict[str, Any] = {}
        given = as_dict(self.prompt.settings)
        for name, value in {**given, **as_dict(given.get("options"))}.items():
            common = _NAMES.get(name, "")
            if common in known:
                found[known[common]] = value
            elif name != "options":
                self.losses.add(f"the setting {name}")
        return found

    def messages(self) -> Iterator[tuple[int, Message]]:
        """The messages of the prompt with their numbers, without what no other API takes."""
        for number, message in enumerate(self.prompt.conversation.prompt):
            for part in message.parts:
                match part:
                    case Thought():
                        self.losses.add("a thought of the model, with its signature")
                    case Other(kind):
                        self.losses.add(f"a part that only the old API has ({kind})")
            yield number, message

    def results(self, number: int, message: Message) -> Iterator[tuple[Result, Place]]:
        """The results in a message, each with the place of its call. A result without a call is lost."""
        for index, part in enumerate(message.parts):
            if isinstance(part, Result):
                call = self._answered.get((number, index))
                if call is None:
                    self.losses.add("a result without a call")
                else:
                    yield part, call

    def finish(
        self, path: str, body: dict[str, Any], query: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> Written:
        """The request. What stands beside the messages and has no place is told first."""
        conversation = self.prompt.conversation
        beside = [f"the tool {each.name} that the old API itself ran" for each in conversation.built_in]
        if conversation.cache is not None:
            beside.append("the cached content before the messages, which is not in the request")
        if conversation.previous is not None:
            beside.append("the earlier turns, which only the old API keeps")
        return Written(path, query, body, (*beside, *self.losses.told()), headers)

    def inline(self, media: Media, accepted: Iterable[str]) -> bool:
        """Whether media stand in the message and have a type that begins like one of these. What has not is lost."""
        if media.base64 is not None and media.kind.startswith(tuple(accepted)):
            return True
        self.losses.add(f"a medium ({media.kind}{'' if media.base64 is not None else ' at an address'})")
        return False
