"""A session with the Interactions API, `wss .../interactions/live`: one interaction after another over one connection.

A message is an event of the stream of an interaction, or `{"events": [...]}` with several. The client's events are
`interaction.create`, `input`, `interaction.cancel` and the like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gemtap.conversation.model import Conversation, Message
from gemtap.dialects.base import Message as SessionMessage
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.common_fields import add_tokens, model_name, read_error
from gemtap.dialects.cut_rules import Rule
from gemtap.dialects.gemini_content.fields import read_generation_settings
from gemtap.dialects.gemini_content.modalities import media_tokens, priced_apart
from gemtap.dialects.gemini_interactions import conversation
from gemtap.dialects.gemini_interactions.accumulate import accumulate
from gemtap.dialects.gemini_interactions.dialect import has_content, read_tokens
from gemtap.dialects.gemini_live.usage import add_usages
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

_ENDS: Final = frozenset({"interaction.completed", "interaction.cancelled"})


def _events(message: Json) -> list[dict[str, Json]]:
    """The events of one message."""
    fields = as_dict(message)
    return [as_dict(each) for each in as_list(fields.get("events"))] or [fields]


def _read(exchange: RawExchange, operation: str) -> Parsed:
    interactions = [accumulate(events) for events in _by_interaction(exchange.messages)]
    usages = [usage for each in interactions if (usage := as_dict(each.get("usage")))]
    setup = next((event for event in _sent(exchange.messages) if event.get("event_type") == "interaction.create"), {})
    got = [each.json for each in exchange.messages if each.side == "server"]
    return Parsed(
        operation=operation,
        model=model_name(setup),
        model_version=next((name for each in interactions if (name := as_text(each.get("model")))), None),
        streaming=True,
        generation_settings=read_generation_settings(setup),
        usage_metadata=add_usages(usages),
        tokens=add_tokens(map(read_tokens, usages)),
        finish_reason=as_text(interactions[-1].get("status")) if interactions else None,
        error=next((error for each in got for event in _events(each) if (error := read_error(event))), None),
        accumulated={"interactions": interactions},
        first_token_at=_first_content(exchange.messages),
    )


def _by_interaction(messages: Sequence[SessionMessage]) -> Iterator[list[Json]]:
    """The server's events, those of each interaction apart, with what the client put into it as its first step."""
    events: list[Json] = []
    for message in messages:
        if message.side == "client":
            continue
        for event in _events(message.json):
            if event.get("event_type") == "interaction.created" and events:
                yield events
                events = []
            events.append({**event, "interaction": {"id": event["interaction_id"]}} if _is_begin(event) else event)
            if event.get("event_type") in _ENDS:
                yield events
                events = []
    if any("step" in as_dict(event) or "delta" in as_dict(event) for event in events):
        yield events


def _is_begin(event: dict[str, Json]) -> bool:
    return event.get("event_type") == "interaction.created" and isinstance(event.get("interaction_id"), str)


def _sent(messages: Sequence[SessionMessage]) -> Iterator[dict[str, Json]]:
    return (event for each in messages if each.side == "client" for event in _events(each.json))


def _first_content(messages: Sequence[SessionMessage]) -> int | None:
    return next(
        (each.at for each in messages if each.side == "server" and any(map(has_content, _events(each.json)))), None
    )


class GeminiInteractionsLive:
    """Sessions, whose messages are stored as two bodies, and the interactions that they add up to."""

    cut_points: Mapping[bytes, Rule] = {}
    good_endings = frozenset({"completed", "requires_action"})
    withheld_endings = frozenset({"blocked"})
    truncated_endings = frozenset({"incomplete"})
    settings_at: Sequence[tuple[str, ...]] = ((), ("generation_config",))

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one session. Its path names no model; its first event does."""
        return _read(exchange, operation)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was put in and answered, all of it as the prompt."""
        interactions = as_list(as_dict(response).get("interactions"))
        if "interactions" not in as_dict(response):
            return None
        sent = [
            event
            for message in as_list(as_dict(request).get("messages"))
            for event in _events(as_dict(message).get("data"))
        ]
        setup = next((event for event in sent if event.get("event_type") == "interaction.create"), {})
        inputs = [conversation.read({"input": event.get("content")}, None) for event in sent if _is_input(event)]
        answers = [conversation.read({}, each) for each in interactions]
        turns: list[Message] = []
        for number in range(max(len(inputs), len(answers))):
            if number < len(inputs):
                turns += inputs[number].prompt
            if number < len(answers) and (answer := answers[number].answer) is not None:
                turns.append(answer)
        about = conversation.read(setup, None)
        return Conversation(system=about.system, prompt=tuple(turns), answer=None, tools=about.tools, is_session=True)

    def media_tokens(self, usage: Json) -> int | None:
        """By `input_tokens_by_modality`."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of audio, images and video."""
        return priced_apart(usage)


def _is_input(event: dict[str, Json]) -> bool:
    return event.get("event_type") == "input"


GEMINI_INTERACTIONS_LIVE: Final = GeminiInteractionsLive()
