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
    signature: str | None = None
    """By which the API recognizes its own thoughts when they are sent again; not every API has one."""
    sealed: str | None = None
    """The encrypted thought, if the API shows no words of it."""
    form: str | None = None
    """The dialect in whose form it is signed or encrypted, such as `anthropic_messages`; None if that is not known."""

    @property
    def encrypted_bytes(self) -> int | None:
        """The size of the encrypted thought as it is sent, in Base64; None if there are words to show instead.

        Anthropic's models that omit their thinking have it encrypted in the signature.
        """
        encrypted = self.sealed or self.signature
        return len(encrypted) if encrypted and not self.text else None


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool."""

    name: str
    arguments: Json
    id: str | None = None
    """By which the result refers to the call; not every API has one."""


_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound, a document: inside of the message, or somewhere else."""

    mime_type: str
    uri: str | None = None
    base64: str | None = None
    """In either alphabet: google-genai for Python sends that of URLs (RFC 4648, section 5)."""
    cut: Json = None
    """Which part of a video is meant, and at how many frames a second, as the API has it; None for all of it."""

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
class Result:
    """What a tool answered."""

    content: Json
    name: str | None = None
    """The tool's; not every API repeats it."""
    id: str | None = None
    media: tuple[Media, ...] = ()
    """Pictures and other media that the tool gave back beside the content."""
    is_error: bool | None = None
    """Whether the client says that the tool failed; None if the API has no way to say it."""


@dataclass(frozen=True, slots=True)
class Other:
    """A part of a kind that is none of these, as the API has it."""

    kind: str
    value: Json


@dataclass(frozen=True, slots=True)
class Source:
    """Something that an answer is based on."""

    kind: str
    """What it is, as the API calls it: `web`, `retrievedContext`, `maps`, `url`, `citation`, ..."""
    title: str | None = None
    uri: str | None = None
    note: str | None = None
    """What else the API says of it: a passage, a licence, how the retrieval ended."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """What the API says an answer is based on. It stands beside the answer, and clients do not send it again."""

    queries: tuple[str, ...]
    """What the API searched for."""
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """Something else that stands beside an answer, as the API has it: log probabilities."""

    kind: str
    value: Json


Part = Text | Thought | Call | Result | Media | Other | Grounding | Aside


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
    takes_text: bool = False
    """Whether it takes a text in the place of arguments, as OpenAI's custom tools do: `parameters` say which texts."""


@dataclass(frozen=True, slots=True)
class BuiltInTool:
    """A tool that the API itself runs, such as its search, and that was on."""

    name: str
    settings: Json


@dataclass(frozen=True, slots=True)
class Conversation:
    """One exchange: what the model was given, and what it answered."""

    system: str | None
    prompt: tuple[Message, ...]
    answer: Message | None
    """None where there is none, or nothing in it."""
    tools: tuple[Tool, ...] = ()
    built_in: tuple[BuiltInTool, ...] = ()
    id: str | None = None
    """The API's own, where it keeps conversations."""
    previous: str | None = None
    """The `id` of the one that the request says it goes on from."""
    held_in: str | None = None
    """The API's id of what holds all turns of the conversation, where it has one. Later turns name it as `previous`."""
    cache: str | None = None
    """The API's name of cached content that stands before all of this and is not in the request."""
    is_session: bool = False
    """Whether it is a session with many turns. All of them are in `prompt`, those of the model too."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt and, if there is one, the answer."""
        return self.prompt if self.answer is None else (*self.prompt, self.answer)
