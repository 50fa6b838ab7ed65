"""The Realtime API and what is like it, and responses over a WebSocket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final
from urllib.parse import parse_qs

from gemtap.conversation.model import Conversation, Media
from gemtap.dialects.base import Message, Parsed, RawExchange
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.cut_rules import Rule
from gemtap.dialects.openai_chat.fields import media_tokens, priced_apart, read_tokens
from gemtap.dialects.openai_realtime import conversation
from gemtap.dialects.openai_realtime.accumulate import accumulate, events_of, kind_of, session_of, unwrapped
from gemtap.dialects.openai_realtime.sound import sound_of
from gemtap.dialects.openai_realtime.usage import add_usages
from gemtap.dialects.openai_responses.accumulate import ENDS, has_content
from gemtap.dialects.openai_responses.accumulate import accumulate as accumulate_response
from gemtap.dialects.openai_responses.conversation import read as read_response
from gemtap.dialects.openai_responses.dialect import error_event, finish_reason
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

_NO_SETTINGS: Final = frozenset({"instructions", "tools", "model", "type", "input", "id", "object"})
_ENDS: Final = ENDS | {"response.done"}


class OpenAIRealtime:
    """Sessions of the Realtime API, live sessions and translations: their items, and the usage of all responses."""

    cut_points: Mapping[bytes, Rule] = {}
    """Messages of a session do not come again."""
    good_endings = frozenset({"completed", "cancelled"})
    withheld_endings = frozenset({"content_filter"})
    truncated_endings = frozenset({"max_output_tokens", "incomplete"})
    settings_at: Sequence[tuple[str, ...]] = ((),)

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one session. The query or the session's own settings name the model."""
        session = session_of(exchange.messages)
        got = list(events_of(exchange.messages, "server"))
        responses = [as_dict(event.get("response")) for event in got if kind_of(event) in _ENDS]
        usage = add_usages(response.get("usage") for response in responses)
        asked = session_of([each for each in exchange.messages if each.side == "client"])
        return Parsed(
            operation=operation,
            model=(parse_qs(exchange.query).get("model") or [None])[0] or model_name(session),  # type: ignore[list-item]
            model_version=as_text(session.get("model")),
            streaming=True,
            generation_settings={k: v for k, v in asked.items() if k not in _NO_SETTINGS} or None,
            usage_metadata=usage,
            tokens=read_tokens(usage),
            finish_reason=finish_reason(responses[-1]) if responses else None,
            error=next((error for event in got if (error := read_error(event))), None),
            accumulated={"items": accumulate(exchange.messages)},
            first_token_at=_first_content(exchange.messages),
        )

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said and spoken, all of it as the prompt."""
        items = as_dict(response).get("items")
        if not isinstance(items, list):
            return None
        return conversation.read(items, session_of([*_stored(request, "client"), *_stored(response, "server")]))

    def session_medium(self, request: Json, response: Json, number: int) -> Media | None:
        """A sound of the items, put together from the messages."""
        return sound_of(request, response, number)

    def media_tokens(self, usage: Json) -> int | None:
        """By the details of the input."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of images and sound."""
        return priced_apart(usage)


class OpenAIResponsesSession(OpenAIRealtime):
    """Responses over a WebSocket: `response.create` and the events of a stream, one response after another."""

    good_endings = frozenset({"completed"})

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one session. Its first request names the model."""
        responses = [accumulate_response(events) for events in _by_response(exchange.messages)]
        created = [event for event in events_of(exchange.messages, "client") if kind_of(event) == "response.create"]
        got = list(events_of(exchange.messages, "server"))
        usage = add_usages(response.get("usage") for response in responses)
        failed = [error for response in responses if (error := read_error(response))]
        return Parsed(
            operation=operation,
            model=next((name for event in created if (name := model_name(event))), None),
            model_version=next((name for each in responses if (name := as_text(each.get("model")))), None),
            streaming=True,
            usage_metadata=usage,
            tokens=read_tokens(usage),
            finish_reason=finish_reason(responses[-1]) if responses else None,
            error=next((e for event in got if (e := read_error(event))), None)
            or error_event(got)
            or next(iter(failed), None),
            accumulated={"responses": responses},
            first_token_at=_first_content(exchange.messages),
        )

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """Each input and what was answered to it, all of it as the prompt."""
        responses = as_dict(response).get("responses")
        if not isinstance(responses, list):
            return None
        created = [
            event
            for message in as_list(as_dict(request).get("messages"))
            if kind_of(event := as_dict(as_dict(message).get("data"))) == "response.create"
        ]
        # What was asked without an answer, and what was answered without a request, is a turn too.
        pairs: Iterable[tuple[Json, Json]] = zip_longest(created or [{}], responses, fillvalue={})
        each_read = [read_response(asked, answered) for asked, answered in pairs]
        turns = [message for read in each_read for message in read.messages]
        first = each_read[0]
        return Conversation(
            first.system, tuple(turns), None, first.tools, first.built_in, previous=first.previous, is_session=True
        )

    def session_medium(self, request: Json, response: Json, number: int) -> Media | None:
        """Their media are in the conversation."""
        return None


def _by_response(messages: Sequence[Message]) -> list[list[Json]]:
    """The events of each response."""
    found: list[list[Json]] = []
    has_ended = True
    for event in events_of(messages, "server"):
        if kind_of(event) == "response.created" or (has_ended and "output_index" in event):
            found.append([])
        if found and kind_of(event).startswith("response."):
            found[-1].append(event)
        has_ended = kind_of(event) in _ENDS
    return found


def _stored(body: Json, side: str) -> list[Message]:
    """The messages of a stored body."""
    messages = as_list(as_dict(body).get("messages"))
    values = (as_dict(message).get("data") for message in messages)
    return [Message("client" if side == "client" else "server", 0, "", value) for value in values]


def _first_content(messages: Sequence[Message]) -> int | None:
    return next((each.at for each in messages if each.side == "server" and has_content(unwrapped(each.json))), None)


OPENAI_REALTIME: Final = OpenAIRealtime()
OPENAI_RESPONSES_SESSION: Final = OpenAIResponsesSession()
