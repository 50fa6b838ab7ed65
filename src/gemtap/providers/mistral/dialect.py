"""Operations of Mistral's own that answer in the shape of chat completions: agents, and the filling of gaps in code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from gemtap.conversation.model import Conversation, Message, Text
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.dialects.batch_results import Result
from gemtap.dialects.openai_chat.dialect import OPENAI_CHAT
from gemtap.interaction import Error, Json
from gemtap.json_access import as_dict, as_text

FILL: Final = "mistral.fim.completions"
AGENTS: Final = "mistral.agents.completions"

_CHAT: Final = "openai.chat.completions"


class MistralChat:
    """Reads these as chat completions, and errors without an object around them."""

    cut_points = OPENAI_CHAT.cut_points
    good_endings = OPENAI_CHAT.good_endings
    withheld_endings = OPENAI_CHAT.withheld_endings
    truncated_endings = OPENAI_CHAT.truncated_endings | {"model_length"}
    settings_at = OPENAI_CHAT.settings_at

    def read(self, exchange: RawExchange, operation: str, model: str | None) -> Parsed:
        """Read one exchange."""
        is_own = operation in (FILL, AGENTS)
        parsed = OPENAI_CHAT.read(exchange, _CHAT if is_own else operation, model)
        agent = as_text(as_dict(exchange.request_json).get("agent_id"))
        return replace(
            parsed,
            operation=operation,
            model=parsed.model or agent,
            error=parsed.error or own_error(exchange.response_json),
        )

    def conversation(self, operation: str, request: Json, response: Json) -> Conversation | None:
        """What was said; code before and after a gap is what is asked."""
        if operation != FILL:
            return OPENAI_CHAT.conversation(_CHAT if operation == AGENTS else operation, request, response)
        fields = as_dict(request)
        asked = tuple(Text(text) for name in ("prompt", "suffix") if (text := as_text(fields.get(name))))
        answered = OPENAI_CHAT.conversation(_CHAT, None, response)
        return Conversation(
            system=None,
            prompt=(Message("user", asked),) if asked else (),
            answer=answered.answer if answered is not None else None,
        )

    def media_tokens(self, usage: Json) -> int | None:
        """By the details of the prompt."""
        return OPENAI_CHAT.media_tokens(usage)

    def priced_apart(self, usage: Json) -> Mapping[str, int]:
        """Tokens of sound."""
        return OPENAI_CHAT.priced_apart(usage)

    def results(self, operation: str, response: Json | bytes) -> Iterable[Result] | None:
        """The answers of a batch, if a file has any."""
        return OPENAI_CHAT.results(operation, response)


def own_error(response: Json) -> Error | None:
    """`{"object": "error", "message": ...}`; the message of a validation has an object in its place."""
    fields = as_dict(response)
    if fields.get("object") != "error" and not isinstance(fields.get("detail"), list | str):
        return None
    return {"message": as_text(fields.get("message")) or as_text(fields.get("detail")) or "error", "details": response}


MISTRAL_CHAT: Final = MistralChat()
