"""The Live API, a WebSocket session: https://ai.google.dev/api/live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gemtap.conversation.model import Conversation, Media
from gemtap.dialects.base import Message, Parsed, RawExchange
from gemtap.dialects.common_fields import model_name, read_error
from gemtap.dialects.cut_rules import Rule
from gemtap.dialects.gemini_content.fields import WITHHELD, read_generation_settings
from gemtap.dialects.gemini_content.modalities import media_tokens, priced_apart
from gemtap.dialects.gemini_live import conversation
from gemtap.dialects.gemini_live.accumulate import accumulate, has_content, message_of
from gemtap.dialects.gemini_live.sound import sound_of
from gemtap.dialects.gemini_live.usage import add_usages, read_usage_tokens, turn_usages
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text


def _read(exchange: RawExchange, operation: str) -> Parsed:
    """Read a session: its turns, its `setup` and the `usageMetadata` of all turns."""
    sent = [each.json for each in exchange.messages if each.side == "client"]
    got = [each.json for each in exchange.messages if each.side == "server"]
    setup = next((setup for each in sent if (setup := message_of(each, "setup"))), {})
    usages = turn_usages(exchange.messages)
    turns = accumulate(exchange.messages)
    answers = [turn for turn in turns if turn["role"] == "model"]
    return Parsed(
        operation=operation,
        model=model_name(setup),
        streaming=True,
        generation_settings=read_generation_settings(setup),
        usage_metadata=add_usages(usages),
        tokens=read_usage_tokens(usages),
        finish_reason=as_text(answers[-1].get("turnCompleteReason")) if answers else None,
        error=next((error for each in got if (error := read_error(each))), None),
        accumulated={"turns": turns},
        first_token_at=_first_content(exchange.messages),
    )


def _first_content(messages: Sequence[Message]) -> int | None:
    return next((each.at for each in messages if each.side == "server" and has_content(each.json)), None)


class GeminiLive:
    """Sessions, whose messages are stored as two bodies, and their turns with the server's messages."""

    cut_points: Mapping[bytes, Rule] = {}
    """Messages of a session do not come again."""
    good_endings = frozenset({"STOP"})
    withheld_endings = WITHHELD
    truncated_endings = frozenset({"MAX_TOKENS"})
    settings_at: Sequence[tuple[str, ...]] = ()

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one session. Its path names no model; its first message does."""
        return _read(exchange, operation)

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said and spoken, all of it as the prompt."""
        if not isinstance(response, dict) or "turns" not in response:
            return None
        messages = as_list(as_dict(request).get("messages"))
        return conversation.read(response, as_dict(messages[0]).get("data") if messages else None)

    def session_medium(self, request: Json, response: Json, number: int) -> Media | None:
        """A medium of the turns, put together from the messages."""
        return sound_of(request, response, number)

    def media_tokens(self, usage: Json) -> int | None:
        """By `promptTokensDetails`."""
        return media_tokens(usage)

    def priced_apart(self, usage: Json) -> dict[str, int]:
        """Tokens of audio, images and video."""
        return priced_apart(usage)


GEMINI_LIVE: Final = GeminiLive()
