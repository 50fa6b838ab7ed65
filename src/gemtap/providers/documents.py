"""What a provider's dialects say of stored interactions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from gemtap.conversation.model import Conversation
from gemtap.dialects.base import Dialect
from gemtap.interaction import Cost, Interaction
from gemtap.providers.reader import SESSION_STATUS
from gemtap.providers.registry import PROVIDERS

_log = logging.getLogger(__name__)


def find_dialect(provider: str | None, operation: str, *, is_session: bool) -> Dialect | None:
    """The dialect that reads an operation of a provider; None where nothing knows it."""
    known = PROVIDERS.get(provider or "")
    return None if known is None else known.reader.dialect(operation, is_session=is_session)


def dialect_of(document: Mapping[str, Any]) -> Dialect | None:
    """The dialect of an interaction, or of its summary; None where nothing knows it."""
    response = document["response"]
    is_session = response is not None and response["status"] == SESSION_STATUS
    return find_dialect(document["provider"], document["operation"], is_session=is_session)


def conversation_of(document: Interaction) -> Conversation | None:
    """What was said in it; None where it is no conversation, such as a list of models."""
    dialect = dialect_of(document)
    if dialect is None:
        return None
    request, response = document["request"]["body"], document["response"] and document["response"]["body"]
    return dialect.conversation(document["operation"], request, response)


def readable_conversation(document: Interaction) -> Conversation | None:
    """The same, but None where a dialect fails on it: whatever else is known of the interaction stays useful."""
    try:
        return conversation_of(document)
    except Exception:
        _log.exception("The conversation of %s cannot be read", document["_id"])
        return None


def ended_well(document: Mapping[str, Any]) -> bool:
    """Whether the model said all that it had to say; True where nobody can tell."""
    dialect = dialect_of(document)
    return document["finish_reason"] is None or dialect is None or document["finish_reason"] in dialect.good_endings


def sends_whole_prompt(document: Mapping[str, Any]) -> bool:
    """Whether its request is a whole conversation that another interaction has too, as for counting tokens."""
    provider = PROVIDERS.get(document["provider"])
    return provider is not None and document["operation"] in provider.reader.resending


def cost_of(document: Interaction) -> Cost | None:
    """What it cost at the list's prices of its time; None where that is not known."""
    provider, dialect = PROVIDERS.get(document["provider"]), dialect_of(document)
    if provider is None or dialect is None:
        return None
    return provider.reader.price(
        document["operation"],
        (document["model_version"], document["model"]),
        document["tokens"],
        dialect.priced_apart(document["usage_metadata"]),
        document["timestamp"],
    )
