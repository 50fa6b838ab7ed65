"""Responses of the simulated API, which keeps them: later ones go on from them, and they can be looked up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text, one_or_many, read_json
from gemtap.providers.openai.simulated.answers import Answer, Question, answer, pieces_of, text_of
from gemtap.providers.openai.simulated.conversations import conversation
from gemtap.providers.openai.simulated.faults import error_of
from gemtap.simulation.base import Session
from gemtap.simulation.script import Pause, Script, Send

_CREATED: Final = 1_780_000_000

_COURSE: Final = {"queued": "in_progress", "in_progress": "completed"}
"""What a response in the background is at the next look-up."""


class Responses:
    """The responses that were created, by id."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Any]] = {}
        self._items: dict[str, list[Json]] = {}
        """All items up to a response, its own among them; also by the id of a conversation."""
        self._status: dict[str, str] = {}
        """How far those in the background are."""
        self._held = 0

    def create(self, body: dict[str, Json]) -> dict[str, Any]:
        """The response to a request; one in the background is queued unless it is streamed."""
        given = body.get("input")
        new = [{"role": "user", "content": given}] if isinstance(given, str) else one_or_many(given)
        held = as_text(body.get("conversation")) or as_text(as_dict(body.get("conversation")).get("id"))
        before = self._items.get(as_text(body.get("previous_response_id")) or held or "", [])
        items = [*before, *new]
        found = answer(_question(body, items))
        response = _response(body, found, held)
        self._kept[response["id"]] = response
        for id_ in filter(None, (response["id"], held)):
            self._items[id_] = [*items, *response["output"]]
        if not body.get("background"):
            return response
        self._status[response["id"]] = "queued"
        return response if body.get("stream") else self._as_it_is(response)

    def look_up(self, id_: str, *, streaming: bool = False) -> dict[str, Any] | None:
        """A response that was created; one in the background is further than at the last look-up.

        Streaming: as it is when the stream has ended.
        """
        response = self._kept.get(id_)
        if response is None:
            return None
        status = self._status.get(id_, "completed")
        self._status[id_] = "completed" if streaming else _COURSE.get(status, status)
        return self._as_it_is(response)

    def cancel(self, id_: str) -> dict[str, Any] | None:
        """Stop a response in the background, if it has not ended."""
        response = self._kept.get(id_)
        if response is None:
            return None
        if self._status.get(id_) in _COURSE:
            self._status[id_] = "cancelled"
        return self._as_it_is(response)

    def delete(self, id_: str) -> bool:
        """Forget a response. Returns whether there was one."""
        return self._kept.pop(id_, None) is not None

    def _as_it_is(self, response: dict[str, Any]) -> dict[str, Any]:
        status = self._status.get(response["id"], "completed")
        return response if status == "completed" else {**response, "status": status, "output": [], "usage": None}

    def hold(self, body: dict[str, Json]) -> dict[str, Any]:
        """A conversation that holds what is said in it."""
        self._held += 1
        id_ = f"conv_{self._held}"
        self._items[id_] = one_or_many(body.get("items"))
        return conversation(id_)

    def items(self, id_: str) -> list[Json] | None:
        """The items of a conversation or up to a response; None if there is none."""
        return self._items.get(id_)

    def add_items(self, id_: str, body: dict[str, Json]) -> list[Json] | None:
        """Add items to a conversation, and return those."""
        if id_ not in self._items:
            return None
        added = one_or_many(body.get("items"))
        self._items[id_] = [*self._items[id_], *added]
        return added

    def let_go(self, id_: str) -> bool:
        """Forget a conversation. Returns whether there was one."""
        return self._items.pop(id_, None) is not None


def _question(body: dict[str, Json], items: list[Json]) -> Question:
    fields = [as_dict(item) for item in items]
    said = next((text_of(each.get("content")) for each in reversed(fields) if each.get("role") == "user"), "")
    results: list[str] = []
    for item in reversed(fields):
        if not str(item.get("type")).endswith("_output"):
            break
        output = item.get("output")
        results.insert(0, output if isinstance(output, str) else text_of(output))
    tools = [
        tool for tool in map(as_dict, one_or_many(body.get("tools"))) if tool.get("type") in ("function", "custom")
    ]
    schema = as_dict(as_dict(body.get("text")).get("format")).get("schema")
    tools = [] if body.get("tool_choice") == "none" else tools
    prompt = [body.get("instructions"), items]
    return Question(said, results, tools, prompt, schema, thinks=isinstance(body.get("reasoning"), dict))


def _response(body: dict[str, Json], found: Answer, held: str | None) -> dict[str, Any]:
    written = found.output_tokens + found.reasoning_tokens
    return {
        "id": f"resp_{found.id}",
        "object": "response",
        "created_at": _CREATED,
        "status": "completed",
        "background": bool(body.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "model": as_text(body.get("model")) or "gpt-5",
        "output": list(_items(found)),
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "service_tier": "default",
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": as_list(body.get("tools")),
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        **({"conversation": {"id": held}} if held is not None else {}),
        "usage": {
            "input_tokens": found.prompt_tokens,
            "input_tokens_details": {"cached_tokens": found.prompt_tokens // 128 * 64, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": found.reasoning_tokens},
            "total_tokens": found.prompt_tokens + written,
        },
    }


def _items(found: Answer) -> Iterator[dict[str, Any]]:
    if found.thoughts:
        summary = [{"type": "summary_text", "text": found.thoughts}]
        yield {"id": f"rs_{found.id}", "type": "reasoning", "summary": summary}
    if found.text:
        content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": found.text}]
        message = {"id": f"msg_{found.id}", "type": "message", "status": "completed", "role": "assistant"}
        yield {**message, "content": content}
    for call in found.calls:
        kind, text, prefix = (
            ("custom_tool_call", "input", "ctc") if call.is_custom else ("function_call", "arguments", "fc")
        )
        item = {"id": f"{prefix}_{call.id}", "type": kind, "status": "completed"}
        yield {**item, "call_id": call.id, "name": call.name, text: call.arguments}


def events_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a stream of this response."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        events += _events_of_item(index, item)
    events.append({"type": f"response.{response['status']}", "response": response})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _events_of_item(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    at = {"item_id": item["id"], "output_index": index}
    empty: dict[str, Any] = {
        "message": {"content": []},
        "reasoning": {"summary": []},
        "function_call": {"arguments": ""},
    }
    begun = {**item, **empty.get(item["type"], {"input": ""})}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    match item["type"]:
        case "message":
            part = item["content"][0]
            place = {**at, "content_index": 0}
            yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
            for piece in pieces_of(part["text"]):
                yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
            yield {"type": "response.content_part.done", **place, "part": part}
        case "reasoning":
            part = item["summary"][0]
            place = {**at, "summary_index": 0}
            yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
            for piece in pieces_of(part["text"]):
                yield {"type": "response.reasoning_summary_text.delta", **place, "delta": piece}
            yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
            yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
        case "function_call":
            for piece in pieces_of(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            yield {
                "type": "response.function_call_arguments.done",
                **at,
                "arguments": item["arguments"],
                "name": item["name"],
            }
        case _:
            for piece in pieces_of(item["input"]):
                yield {"type": "response.custom_tool_call_input.delta", **at, "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", **at, "input": item["input"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


class ResponsesSession(Session):
    """Responses over a WebSocket, one after another: each `response.create` gets the events of a stream."""

    def __init__(self, responses: Responses, pace: float) -> None:
        self._responses = responses
        self._pace = pace

    def receive(self, message: bytes) -> Script:
        """The events of the response to a request; an error for anything else."""
        body = as_dict(read_json(message))
        if body.get("type") != "response.create":
            return [Send(json.dumps({"type": "error", "status": 400, **error_of(400)}).encode(), is_text=True)]
        response = self._responses.create(body)
        if body.get("generate") is False:
            # Only to have the prompt at hand for the next one.
            response = {**response, "output": []}
        return [
            step
            for event in events_of(response)
            for step in (Pause(self._pace), Send(json.dumps(event).encode(), is_text=True))
        ]
