"""The simulated model: answers GenerateContentRequests. Equal requests always get equal responses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated.conversation import (
    Conversation,
    Object,
    parameter_schema,
    shows_thoughts,
    thinks,
)
from gemtap.providers.google.simulated.tokens import Usage, count
from gemtap.simulation import prose
from gemtap.simulation.schemas import Examples

BLOCKED_WORD: Final = "BLOCKME"
"""A prompt that contains this word is blocked."""


def generate(model: str, request: Json, *, streamed: bool) -> list[Json]:
    """The GenerateContentResponses to a request: the chunks of a stream, or a single response."""
    rng = Random(_seed(model, request))  # noqa: S311 - an answer, not a secret
    conversation = Conversation.read(request)
    envelope = {"modelVersion": model, "responseId": _token(rng, 17)}
    if BLOCKED_WORD in conversation.last_text:
        spent = Usage.of(request, conversation, thoughts=0).metadata(0, finished=True)
        return [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": spent, **envelope}]
    reply = _compose(model, conversation, rng)
    usage = Usage.of(request, conversation, reply.thoughts_tokens)
    chunks = _chunks(reply, rng) if streamed else [_whole(reply)]
    return [_response(chunk, usage, envelope) for chunk in chunks]


def _seed(model: str, request: Json) -> bytes:
    return hashlib.sha256(json.dumps([model, request], sort_keys=True).encode("ascii")).digest()


def _token(rng: Random, size: int) -> str:
    return base64.urlsafe_b64encode(rng.randbytes(size)).decode("ascii").rstrip("=")


@dataclass(frozen=True, slots=True)
class _Reply:
    """The model's reply before it is split into chunks."""

    thoughts: list[str]
    thoughts_tokens: int
    text: str
    calls: list[Json]
    """Parts with function calls. A reply has either calls or text."""
    signature: str | None
    """Signature of the thoughts that led to the text."""


def _compose(model: str, conversation: Conversation, rng: Random) -> _Reply:
    thinking = thinks(model, conversation.generation_config)
    thoughts = prose.thoughts(conversation.last_text, rng) if thinking else []
    calls = _calls(model, conversation, rng)
    return _Reply(
        thoughts=thoughts if shows_thoughts(conversation.generation_config) else [],
        # The thoughts in a response are summaries, but usage counts the full thinking.
        thoughts_tokens=3 * sum(map(count, thoughts)),
        text="" if calls else _text(conversation, rng),
        calls=calls,
        signature=_signature(rng) if thinking and not calls else None,
    )


def _signature(rng: Random) -> str:
    return base64.b64encode(rng.randbytes(120)).decode("ascii")


def _text(conversation: Conversation, rng: Random) -> str:
    topic = prose.topic_of(conversation.last_text)
    schema = conversation.response_schema
    if schema is not None:
        value = Examples(schema or {"properties": {"answer": {}}}, rng, topic, optional=True).make()
        return json.dumps(value, ensure_ascii=False, indent=2)
    if conversation.function_responses:
        return prose.report(conversation.function_responses, rng)
    return prose.answer(conversation.last_text, rng)


def _calls(model: str, conversation: Conversation, rng: Random) -> list[Json]:
    """Call the first function. If the prompt contains `both`, call two functions, or the only one twice."""
    functions = conversation.callable_functions
    wanted = 2 if re.search(r"\bboth\b", conversation.last_text, re.IGNORECASE) else 1
    called = islice(cycle(functions), wanted)
    parts: list[Json] = [{"functionCall": _call(model, function, conversation, rng)} for function in called]
    if parts:
        # Only the first of several parallel calls is signed.
        parts[0]["thoughtSignature"] = _signature(rng)
    return parts


def _call(model: str, function: Object, conversation: Conversation, rng: Random) -> Json:
    topic = prose.topic_of(conversation.last_text)
    arguments = Examples(parameter_schema(function), rng, topic, optional=False).make()
    call: dict[str, Any] = {"name": function["name"], "args": arguments}
    if model.startswith("gemini-3"):
        call["id"] = _token(rng, 6)
    return call


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One response: its parts, and the number of output tokens up to and including it."""

    parts: list[Json]
    tokens: int
    finished: bool


def _whole(reply: _Reply) -> _Chunk:
    spoken = reply.calls or [_text_part(reply.text, reply.signature)]
    return _Chunk([*map(_thought_part, reply.thoughts), *spoken], _tokens_of(reply.text, reply.calls), finished=True)


def _chunks(reply: _Reply, rng: Random) -> Iterator[_Chunk]:
    for thought in reply.thoughts:
        yield _Chunk([_thought_part(thought)], 0, finished=False)
    for at, call in enumerate(reply.calls, 1):
        yield _Chunk([call], _tokens_of("", reply.calls[:at]), finished=False)
    pieces = _pieces(reply.text, rng)
    ends_with_text = bool(pieces) and reply.signature is None
    for at, piece in enumerate(pieces, 1):
        said = "".join(pieces[:at])
        yield _Chunk([_text_part(piece)], count(said), finished=ends_with_text and at == len(pieces))
    if not ends_with_text:
        # After calls, and if the thoughts are signed, the last chunk has no text.
        yield _Chunk([_text_part("", reply.signature)], _tokens_of(reply.text, reply.calls), finished=True)


def _pieces(text: str, rng: Random) -> list[str]:
    """Split the text into pieces. The first is short, as in Gemini's streams."""
    words = re.findall(r"\s*\S+\s*", text)
    pieces = []
    size = 1
    while words:
        pieces.append("".join(words[:size]))
        words = words[size:]
        size = rng.randint(4, 12)
    return pieces


def _thought_part(thought: str) -> Json:
    return {"text": thought, "thought": True}


def _text_part(text: str, signature: str | None = None) -> Json:
    return {"text": text} if signature is None else {"text": text, "thoughtSignature": signature}


def _tokens_of(text: str, calls: list[Json]) -> int:
    return count(text) + sum(count(json.dumps(part["functionCall"])) for part in calls)


def _response(chunk: _Chunk, usage: Usage, envelope: Json) -> Json:
    finish = {"finishReason": "STOP"} if chunk.finished else {}
    return {
        "candidates": [{"content": {"parts": chunk.parts, "role": "model"}, **finish, "index": 0}],
        "usageMetadata": usage.metadata(chunk.tokens, finished=chunk.finished),
        **envelope,
    }
