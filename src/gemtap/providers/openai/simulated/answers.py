"""What the simulated models answer: the same to the same prompt, with calls, thoughts and structured output."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text
from gemtap.simulation import prose
from gemtap.simulation.schemas import Examples

_WANTS_A_CALL: Final = re.compile(r"\b(call|use|read|fix|find|add|rename|write|run|look)\b", re.IGNORECASE)
_PIECE: Final = re.compile(r"\S+\s*(?:\S+\s*){0,4}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the client's tools."""

    id: str
    name: str
    arguments: str
    """JSON; free text where the tool is a custom one."""
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, in no API's shape."""

    id: str
    """The same for the same prompt, without a prefix."""
    text: str
    thoughts: str
    calls: list[Call] = field(default_factory=list)
    prompt_tokens: int = 0

    @property
    def output_tokens(self) -> int:
        """Tokens of what is said and called, without thoughts."""
        return tokens_of(self.text) + sum(tokens_of(call.name + call.arguments) for call in self.calls)

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the thoughts."""
        return tokens_of(self.thoughts)


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer depends on."""

    said: str
    """The last text of the user."""
    results: list[str]
    """Outputs of tools since the model spoke last."""
    tools: list[Json]
    """Declarations, each `{"name", "parameters"}`, custom ones with `"type": "custom"`."""
    prompt: Json
    """All that was sent."""
    schema: Json = None
    """JSON Schema of a structured output."""
    thinks: bool = True


def answer(question: Question) -> Answer:
    """The answer to a question."""
    raw = json.dumps([question.prompt, question.tools], sort_keys=True, default=str)
    digest = hashlib.sha256(raw.encode("utf-8", "replace")).hexdigest()
    rng = Random(digest)  # noqa: S311 - a choice of sentences, not a secret
    calls = [] if question.results else _calls(question, rng, digest)
    if question.schema is not None:
        value = Examples(question.schema, rng, prose.topic_of(question.said), optional=True).make()
        text = json.dumps(value, ensure_ascii=False)
    elif question.results:
        text = "Here is what I found:\n\n" + "\n".join(f"- {result[:200]}" for result in question.results)
    else:
        text = "" if calls else prose.answer(question.said, rng)
    thoughts = "".join(prose.thoughts(question.said, rng)).strip() if question.thinks else ""
    return Answer(digest[:24], text, thoughts, calls, prompt_tokens=tokens_of(raw))


def _calls(question: Question, rng: Random, digest: str) -> list[Call]:
    tools = [tool for tool in map(as_dict, question.tools) if as_text(tool.get("name"))]
    if not tools or not _WANTS_A_CALL.search(question.said):
        return []
    named = [tool for tool in tools if tool["name"] in question.said]
    chosen = named or rng.sample(tools, min(len(tools), rng.choice((1, 1, 2))))
    return [_call(tool, question, rng, f"{digest[:20]}{number}") for number, tool in enumerate(chosen)]


def _call(tool: dict[str, Any], question: Question, rng: Random, id_: str) -> Call:
    topic = prose.topic_of(question.said)
    if tool.get("type") == "custom":
        return Call(f"call_{id_}", tool["name"], f"*** Begin\n{topic}\n*** End", is_custom=True)
    value = Examples(tool.get("parameters") or {}, rng, topic, optional=False).make()
    return Call(f"call_{id_}", tool["name"], json.dumps(value if isinstance(value, dict) else {}))


def pieces_of(text: str) -> list[str]:
    """A text as a stream brings it: a few words at a time."""
    return _PIECE.findall(text)


def tokens_of(text: str) -> int:
    """A count that looks like one of tokens."""
    return (len(text) + 3) // 4


def text_of(content: Json) -> str:
    """The texts of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(text for part in as_list(content) if (text := as_text(as_dict(part).get("text"))))
