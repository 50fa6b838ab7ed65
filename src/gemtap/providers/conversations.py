"""From an interaction to its conversation."""

from __future__ import annotations

from typing import Final

from gemtap.conversation.model import Conversation
from gemtap.dialects.gemini_content import conversation as gemini
from gemtap.dialects.gemini_interactions import conversation as interactions
from gemtap.dialects.openai_chat import conversation as openai
from gemtap.interaction import Interaction
from gemtap.json_access import items, members

_GENERATES: Final = frozenset({"generateContent", "streamGenerateContent"})

_CHAT: Final = "chat.completions"
"""How OpenAI's operation ends, whatever stands before it."""


def conversation_of(document: Interaction) -> Conversation | None:
    """What was said in it; None where it is no conversation, such as a list of models."""
    operation = document["operation"]
    request, response = document["request"]["body"], document["response"] and document["response"]["body"]
    if operation in _GENERATES:
        return gemini.read(request, response)
    if operation == "interactions.create":
        return interactions.read(request, response)
    if operation.endswith(_CHAT):
        return openai.read(request, response)
    if isinstance(response, dict) and "turns" in response:
        messages = items(members(request).get("messages"))
        return gemini.read_session(response, members(messages[0]).get("data") if messages else None)
    return None
