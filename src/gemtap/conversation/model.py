"""A conversation, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gemtap.interaction import Json

UNKNOWN_TYPE: Final = "application/octet-stream"
"""The type of media that have none."""

Role = Literal["user", "model", "tool"]
"""Who speaks: the person, the model, or the tools that the model has called."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """What the model says to itself, as far as the API shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool."""

    name: str
    arguments: Json
    id: str | None = None
    """By which the result refers to the call; not every API has one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered."""

    content: Json
    name: str | None = None
    """The tool's; not every API repeats it."""
    id: str | None = None


_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound, a document: inside of the message, or somewhere else."""

    mime_type: str
    uri: str | None = None
    base64: str | None = None
    """In either alphabet: google-genai for Python sends that of URLs (RFC 4648, section 5)."""

    @property
    def standard_base64(self) -> str:
        """The data in the alphabet that data URLs and decoders need (RFC 4648, section 4), padded."""
        data = (self.base64 or "").translate(_STANDARD).rstrip("=")
        return data + "=" * (-len(data) % 4)

    @property
    def kind(self) -> str:
        """The MIME type in lower case, without parameters."""
        return self.mime_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Other:
    """A part of a kind that is none of these, as the API has it."""

    kind: str
    value: Json


Part = Text | Thought | Call | Result | Media | Other


@dataclass(frozen=True, slots=True)
class Message:
    """What one speaker says in one go."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call."""

    name: str
    description: str | None
    parameters: Json
    """A JSON Schema, or Google's dialect of it with its types in capitals; None where the tool takes nothing."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One exchange: what the model was given, and what it answered."""

    system: str | None
    prompt: tuple[Message, ...]
    answer: Message | None
    """None where there is none, or nothing in it."""
    tools: tuple[Tool, ...] = ()
    id: str | None = None
    """The API's own, where it keeps conversations."""
    previous: str | None = None
    """The `id` of the one that the request says it goes on from."""
    is_session: bool = False
    """Whether it is a session with many turns. All of them are in `prompt`, those of the model too."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt and, if there is one, the answer."""
        return self.prompt if self.answer is None else (*self.prompt, self.answer)
