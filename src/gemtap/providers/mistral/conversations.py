"""Mistral's Conversations API: entries that are put in and out, in conversations that the API keeps.

After https://docs.mistral.ai/api/#tag/beta.conversations. Its streams have one event for each piece of an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gemtap.conversation.model import (
    BuiltInTool,
    Call,
    Conversation,
    Grounding,
    Message,
    Other,
    Part,
    Result,
    Role,
    Source,
)
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.batch_results import Result as BatchResult
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.openai_chat.conversation import arguments_of
from gemtap.dialects.openai_chat.conversation import read as read_chat
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.dialects.openai_chat.fields import read_tokens
from gemtap.dialects.openai_responses import CUT_POINTS
from gemtap.dialects.stream_chunks import find_error, is_event_stream, read_chunks
from gemtap.interaction import Error, Json, Tokens
from gemtap.json_access import as_dict, as_list, as_text, count, json_or_text, one_or_many, overlay
from gemtap.providers.mistral.dialect import own_error

START: Final = "mistral.conversations"
APPEND: Final = "mistral.conversations.append"
RESTART: Final = "mistral.conversations.restart"
CONVERSATIONS: Final = frozenset({START, APPEND, RESTART})
"""The operations that the model answers in."""

_DONE: Final = "conversation.response.done"
_FAILED: Final = "conversation.response.error"
_NO_SETTINGS: Final = frozenset(
    {*("inputs", "instructions", "tools", "model", "agent_id", "agent_version", "stream", "store", "name")}
    | {*("description", "metadata", "handoff_execution", "from_entry_id")}
)


def has_content(event: Json) -> bool:
    """Whether the event brings something of the answer."""
    fields = as_dict(event)
    return fields.get("type") in ("message.output.delta", "function.call.delta", "tool.execution.delta") and any(
        fields.get(name) for name in ("content", "arguments")
    )


def accumulate(events: list[Json]) -> dict[str, Json]:
    """Accumulate the events of a stream into the response that the API returns without streaming."""
    response: dict[str, Json] = {"object": "conversation.response"}
    entries: dict[int, dict[str, Json]] = {}
    for event in events:
        fields = dict(as_dict(event))
        kind = as_text(fields.pop("type", None)) or ""
        if kind.startswith("conversation.response."):
            overlay(response, fields)
            continue
        what, _, stage = kind.rpartition(".")
        if not what or stage not in ("delta", "started", "done"):
            continue
        entry = entries.setdefault(count(fields.pop("output_index", None)) or 0, {"object": "entry", "type": what})
        content, arguments = fields.pop("content", None), fields.pop("arguments", None)
        fields.pop("content_index", None)
        overlay(entry, fields)
        if content is not None:
            entry["content"] = _joined(entry.get("content"), content)
        if isinstance(arguments, str):
            entry["arguments"] = (as_text(entry.get("arguments")) or "") + arguments if stage == "delta" else arguments
    if entries:
        response["outputs"] = [entries[index] for index in sorted(entries)]
    return response


def _joined(before: Json, piece: Json) -> Json:
    """Content with a further piece: a text, or chunks where any of them is more than that."""
    if isinstance(piece, str) and isinstance(before, str | None):
        return (before or "") + piece
    chunks = as_list(before) or ([{"type": "text", "text": before}] if before else [])
    added = as_dict({"type": "text", "text": piece} if isinstance(piece, str) else piece)
    last = as_dict(chunks[-1]) if chunks else {}
    if added.get("type") == last.get("type") == "text":
        text = (as_text(last.get("text")) or "") + (as_text(added.get("text")) or "")
        return [*chunks[:-1], {**last, "text": text}]
    if added.get("type") == last.get("type") == "thinking":
        return [*chunks[:-1], {**last, "thinking": [*as_list(last.get("thinking")), *as_list(added.get("thinking"))]}]
    return [*chunks, added]


def _parts(entry: dict[str, Json]) -> Iterator[Part]:
    match entry.get("type", "message.input" if "role" in entry else None):
        case "message.input" | "message.output":
            # The chunks of its content are those of chat completions, but for sources.
            content = entry.get("content")
            chunks = [as_dict(each) for each in as_list(content)]
            rest = [each for each in chunks if each.get("type") != "tool_reference"]
            message: Json = {"role": "assistant", "content": rest if chunks else content}
            yield from (part for said in read_chat({"messages": [message]}, None).prompt for part in said.parts)
            found = [each for each in chunks if each.get("type") == "tool_reference"]
            if found:
                sources = (Source("web", as_text(each.get("title")), as_text(each.get("url"))) for each in found)
                yield Grounding((), tuple(dict.fromkeys(sources)))
        case "function.call":
            arguments = arguments_of(entry.get("arguments"))
            yield Call(as_text(entry.get("name")) or "", arguments, as_text(entry.get("tool_call_id")))
        case "function.result":
            result = entry.get("result")
            content = json_or_text(result) if isinstance(result, str) else result
            yield Result(content, None, as_text(entry.get("tool_call_id")))
        case str() as kind:
            yield Other(kind, entry)


def _role(entry: dict[str, Json]) -> Role:
    kind = entry.get("type")
    if kind == "function.result":
        return "tool"
    return "user" if kind in (None, "message.input") and entry.get("role", "user") == "user" else "model"


def read(request: Json, response: Json) -> Conversation:
    """The conversation of a request and its response. What was said before is held by the API."""
    fields, answered = as_dict(request), as_dict(response)
    given = fields.get("inputs")
    inputs = [{"role": "user", "content": given}] if isinstance(given, str) else [*map(as_dict, one_or_many(given))]
    prompt = [Message(_role(entry), parts) for entry in inputs if (parts := tuple(_parts(entry)))]
    answer = tuple(part for entry in as_list(answered.get("outputs")) for part in _parts(as_dict(entry)))
    tools = [as_dict(each) for each in one_or_many(fields.get("tools"))]
    held = as_text(answered.get("conversation_id"))
    is_first = "model" in fields or "agent_id" in fields
    return Conversation(
        system=as_text(fields.get("instructions")),
        prompt=tuple(prompt),
        answer=Message("model", answer) if answer else None,
        tools=read_chat({"tools": [each for each in tools if each.get("type") == "function"]}, None).tools,
        built_in=tuple(
            BuiltInTool(as_text(each.get("type")) or "", {name: each[name] for name in each if name != "type"})
            for each in tools
            if each.get("type") != "function"
        ),
        id=None if not is_first else held,
        previous=None if is_first else held,
        held_in=held,
    )


class MistralConversations:
    """Conversations that are started, gone on with, and begun anew from one of their entries."""

    cut_points = CUT_POINTS
    good_endings = frozenset({"completed"})
    withheld_endings: frozenset[str] = frozenset()
    truncated_endings: frozenset[str] = frozenset()
    settings_at: tuple[tuple[str, ...], ...] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        streamed = is_event_stream(exchange)
        chunks = read_chunks(exchange.response_raw) if streamed else []
        events = [chunk.value for chunk in chunks]
        response = accumulate(events) if streamed else as_dict(exchange.response_json)
        error = (
            find_error(chunks, whole=exchange.response_whole)
            if streamed
            else read_error(response) or own_error(response)
        )
        asked = as_dict(exchange.request_json)
        outputs = [as_dict(each) for each in as_list(response.get("outputs"))]
        ended = not streamed or any(as_dict(event).get("type") == _DONE for event in events)
        usage = response.get("usage")
        return Parsed(
            operation=operation,
            model=model_name(asked) or as_text(asked.get("agent_id")),
            model_version=next((name for each in outputs if (name := as_text(each.get("model")))), None),
            streaming=streamed,
            generation_settings=_settings(asked),
            usage_metadata=usage,
            tokens=_tokens(as_dict(usage)),
            finish_reason="completed" if ended and outputs else None,
            error=error or _failure(events, exchange, ended=ended),
            accumulated=response if streamed else None,
            first_token_end=next((chunk.end for chunk in chunks if has_content(chunk.value)), None),
        )

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said in this turn."""
        return read(request, response)

    def media_tokens(self, usage: Json) -> int | None:
        """By the details of the prompt."""
        return OPENAI_CHAT.media_tokens(usage)

    def priced_apart(self, usage: Json) -> Mapping[str, int]:
        """Tokens of sound."""
        return OPENAI_CHAT.priced_apart(usage)

    def results(self, operation: str, response: Json | bytes) -> Iterable[BatchResult] | None:
        """None: batches have files."""
        return None


def _tokens(usage: dict[str, Json]) -> Tokens:
    """`usage` as token counts. What connectors have put before the model is counted apart, and in the total."""
    connectors, total = count(usage.get("connector_tokens")), count(usage.get("total_tokens"))
    if connectors is None or total is None:
        return read_tokens(usage)
    return {
        **read_tokens({**usage, "total_tokens": max(total - connectors, 0)}),
        "tool_use": connectors or None,
        "total": total,
    }


def _settings(asked: dict[str, Json]) -> Json:
    own = {name: value for name, value in asked.items() if name not in _NO_SETTINGS | {"completion_args"}}
    return {**own, **as_dict(asked.get("completion_args"))} or None


def _failure(events: list[Json], exchange: RawExchange, *, ended: bool) -> Error | None:
    for event in events:
        fields = as_dict(event)
        if fields.get("type") == _FAILED:
            return {"message": as_text(fields.get("message")) or "error", "details": fields}
    if ended or not exchange.response_whole:
        return None
    return {"message": f"the stream ended without {_DONE}", "details": None}


MISTRAL_CONVERSATIONS: Final = MistralConversations()
