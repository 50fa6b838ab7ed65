"""A simulation of Mistral's API: OpenAI's paths, and its own forms of chats, code and conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many, read_json
from gemtap.providers.demo import Demo
from gemtap.providers.openai.simulated import chat
from gemtap.providers.openai.simulated.answers import Answer, Question, answer, pieces_of, text_of
from gemtap.providers.openai.simulated.api import OpenAISimulation
from gemtap.providers.openai.simulated.faults import document, failure_of, streamed
from gemtap.simulation.base import Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Script

_OWN: Final = re.compile(r"/v1/(?:conversations(?:/(?P<id>[^/]+))?|(?P<chat>chat|fim|agents)/completions)")
_CREATED: Final = "2026-11-01T00:00:00Z"


class MistralSimulation(OpenAISimulation):
    """Mistral's API with the conversations that it was given."""

    def __init__(self, pace: float = 0.0) -> None:
        super().__init__(pace)
        self._conversations: dict[str, list[Json]] = {}

    def knows(self, request: ReceivedRequest) -> bool:
        """Its own paths, and OpenAI's."""
        return _OWN.fullmatch(request.target.partition("?")[0]) is not None or super().knows(request)

    def respond(self, request: ReceivedRequest) -> Script:
        """Its own paths first."""
        found = _OWN.fullmatch(request.target.partition("?")[0])
        if found is None or request.method != "POST":
            return super().respond(request)
        if not request.header_values("authorization"):
            return _refusal(401, "Unauthorized")
        body = as_dict(read_json(request.body))
        failure = failure_of(as_text(body.get("model")) or "")
        if failure is not None:
            return _refusal(failure, "The request cannot be served.")
        return self._converse(body, found["id"]) if found["chat"] is None else self._complete(body)

    def _complete(self, body: dict[str, Json]) -> Script:
        """An agent's answer, or what fills a gap between two pieces of code."""
        if "messages" not in body:
            asked = "\n…\n".join(filter(None, (as_text(body.get(name)) for name in ("prompt", "suffix"))))
            body = {**body, "messages": [{"role": "user", "content": asked}]}
        model = as_text(body.get("model")) or "mistral-medium-latest"
        if not body.get("stream"):
            return document(chat.complete({**body, "model": model}))
        chunks = chat.stream({**body, "model": model, "stream_options": {"include_usage": True}})
        events = [f"data: {json.dumps(each)}\n\n".encode() for each in chunks]
        return streamed(model, [*events, b"data: [DONE]\n\n"], self._pace, last=3)

    def _converse(self, body: dict[str, Json], id_: str | None) -> Script:
        if id_ is not None and id_ not in self._conversations:
            return _refusal(404, f"Conversation {id_} not found.")
        given = body.get("inputs")
        new = [{"role": "user", "content": given}] if isinstance(given, str) else one_or_many(given)
        entries = [*self._conversations.get(id_ or "", []), *new]
        model = as_text(body.get("model")) or "mistral-medium-latest"
        found = answer(_question(body, entries))
        outputs = [*_entries(found, model)]
        id_ = id_ or f"conv_{len(self._conversations) + 1}"
        self._conversations[id_] = [*entries, *outputs]
        usage = {
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": found.output_tokens,
            "total_tokens": found.prompt_tokens + found.output_tokens,
        }
        whole = {"object": "conversation.response", "conversation_id": id_, "outputs": outputs, "usage": usage}
        if not body.get("stream"):
            return document(whole)
        events = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events_of(whole)]
        return streamed(model, events, self._pace, last=1)


def _question(body: dict[str, Json], entries: list[Json]) -> Question:
    fields = [as_dict(entry) for entry in entries]
    said = next((text_of(each.get("content")) for each in reversed(fields) if each.get("role") == "user"), "")
    results: list[str] = []
    for entry in reversed(fields):
        if entry.get("type") != "function.result":
            break
        results.insert(0, str(entry.get("result")))
    tools: list[Json] = [as_dict(tool.get("function")) for tool in map(as_dict, as_list(body.get("tools")))]
    return Question(said, results, tools, [body.get("instructions"), entries], thinks=False)


def _entries(found: Answer, model: str) -> Iterator[dict[str, Any]]:
    made = {"object": "entry", "created_at": _CREATED}
    if found.text:
        yield {
            **made,
            "type": "message.output",
            "id": f"msg_{found.id}",
            "model": model,
            "role": "assistant",
            "content": found.text,
        }
    for call in found.calls:
        named = {"tool_call_id": call.id, "name": call.name, "arguments": call.arguments}
        yield {**made, "type": "function.call", "id": f"fc_{call.id}", "model": model, **named}


def events_of(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a stream of this response."""
    yield {"type": "conversation.response.started", "conversation_id": whole["conversation_id"]}
    for index, entry in enumerate(whole["outputs"]):
        name = "content" if entry["type"] == "message.output" else "arguments"
        fields = {key: value for key, value in entry.items() if key not in ("object", "type", name)}
        for piece in pieces_of(entry[name]):
            yield {"type": f"{entry['type']}.delta", "output_index": index, **fields, name: piece}
    yield {"type": "conversation.response.done", "usage": whole["usage"]}


def _refusal(status: int, message: str) -> Script:
    error = {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": "1000"}
    return document(error, status)


class MistralDemo(Demo):
    """Mistral's API without an account."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """Chats, agents, gaps in code and conversations."""
        return MistralSimulation(pace)


DEMO: Final = MistralDemo()
