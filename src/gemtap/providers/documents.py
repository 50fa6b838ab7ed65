"""What the reader faces say of stored interactions. A provider that fails here is reported, and says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from gemtap.conversation.model import Conversation, Media
from gemtap.dialects.base import Dialect, SessionDialect
from gemtap.dialects.writing import Prompt, Written
from gemtap.interaction import Cost, Interaction, Tokens
from gemtap.providers.batch_price import price_with_results
from gemtap.providers.credential import Credential
from gemtap.providers.reader import SESSION_STATUS, Bill, Reader
from gemtap.providers.registry import PROVIDERS, reader_of, report
from gemtap.providers.routing import credential_of as wire_credential

_T = TypeVar("_T")


def find_dialect(provider: str | None, operation: str, *, is_session: bool) -> Dialect | None:
    """The dialect that reads an operation of a provider; None where nothing knows it."""
    return _ask(provider or "", lambda reader: reader.dialect(operation, is_session=is_session), None)


def dialect_of(document: Mapping[str, Any]) -> Dialect | None:
    """The dialect of an interaction, or of its summary; None where nothing knows it."""
    response = document["response"]
    is_session = response is not None and response["status"] == SESSION_STATUS
    return find_dialect(document["provider"], document["operation"], is_session=is_session)


def conversation_of(document: Interaction) -> Conversation | None:
    """What was said in it; None where it is no conversation, such as a list of models, or where a dialect fails on it:
    whatever else is known of the interaction stays useful."""
    dialect = dialect_of(document)
    if dialect is None:
        return None
    request, response = document["request"]["body"], document["response"] and document["response"]["body"]
    return _ask(document["provider"], lambda _: dialect.conversation(document["operation"], request, response), None)


def session_medium(document: Interaction, number: int) -> Media | None:
    """The medium with this number among those of a session that are in its messages; None where there is none."""
    dialect, response = dialect_of(document), document["response"]
    if not isinstance(dialect, SessionDialect) or response is None:
        return None
    bodies = document["request"]["body"], response["body"]
    return _ask(document["provider"], lambda _: dialect.session_medium(*bodies, number), None)


def ended_well(document: Mapping[str, Any]) -> bool:
    """Whether the model said all that it had to say; True where nobody can tell."""
    dialect = dialect_of(document)
    return document["finish_reason"] is None or dialect is None or document["finish_reason"] in dialect.good_endings


def sends_whole_prompt(document: Mapping[str, Any]) -> bool:
    """Whether its request is a whole conversation that another interaction has too, as for counting tokens."""
    return _ask(document["provider"], lambda reader: document["operation"] in reader.resending, False)


def cost_of(document: Interaction) -> Cost | None:
    """What it cost at the list's prices of its time; None where that is not known."""
    dialect = dialect_of(document)
    if dialect is None:
        return None

    response = document["response"]

    bill = Bill(
        operation=document["operation"],
        models=(document["model_version"], document["model"]),
        tokens=document["tokens"],
        priced_apart=dialect.priced_apart(document["usage_metadata"]),
        at=document["timestamp"],
        usage=document["usage_metadata"],
        request=document["request"]["body"],
        response=response["body"] if response else None,
        response_headers=response["headers"] if response else {},
    )
    return _ask(document["provider"], lambda reader: price_with_results(reader, dialect, bill), None)


def is_billed(document: Mapping[str, Any]) -> bool:
    """Whether its operation may be billed by tokens; True where nobody can tell."""
    return _ask(document["provider"], lambda reader: reader.is_billed(document["operation"]), True)


def brings_results(document: Mapping[str, Any]) -> bool:
    """Whether its operation returns the results of a batch."""
    return _ask(document["provider"], lambda reader: document["operation"] in reader.batch_results, False)


def tells_later(document: Mapping[str, Any]) -> bool:
    """Whether its operation looks up what another exchange has begun, and may be the first to report its tokens."""
    return _ask(document["provider"], lambda reader: document["operation"] in reader.told_later, False)


def told_later_operations() -> frozenset[str]:
    """The operations of all providers for which that may be so."""
    readers = (reader_of(provider) for provider in PROVIDERS.values())
    return frozenset().union(*(reader.told_later for reader in readers if reader is not None))


def credential_for(provider: str, path: bytes) -> Credential | None:
    """The credential for sending a request to this raw path; None where nothing knows it."""
    found = _ask(provider, lambda reader: reader.credential(path), None)
    return found if found is not None else wire_credential(provider, path)


def path_with_model(provider: str, path: str, model: str) -> str | None:
    """The raw path with another model in place of the one that it names; None where it names none."""
    return _ask(provider, lambda reader: reader.with_model(path, model), None)


def write_for(provider: str, prompt: Prompt) -> Written | None:
    """A request that asks a provider for what was asked of another; None where it has no such request."""
    return _ask(provider, lambda reader: reader.write(prompt), None)


def writes(provider: str) -> bool:
    """Whether a provider can be asked for what was asked of another."""
    return (
        write_for(provider, Prompt(Conversation(system=None, prompt=(), answer=None), "", streaming=False)) is not None
    )


def price_of_tokens(provider: str, path: str, model: str, tokens: Tokens, at: datetime) -> Cost | None:
    """What a request to this raw path would cost with as many tokens, none of them cached; None if that is unknown."""
    fresh: Tokens = {**tokens, "cached": None, "cache_write": None}

    def price(reader: Reader) -> Cost | None:
        operation, _ = reader.operation("POST", path)
        return reader.price(Bill(operation, (model,), fresh, {}, at))

    return _ask(provider, price, None)


def request_headers_of(provider: str) -> frozenset[str]:
    """Lower-case names of request headers that an answer depends on."""
    return _ask(provider, lambda reader: reader.request_headers, frozenset[str]())


def _ask(name: str, question: Callable[[Reader], _T], otherwise: _T) -> _T:
    """What the reader of a provider says; `otherwise` without such a provider, or where it fails."""
    provider = PROVIDERS.get(name)
    reader = reader_of(provider) if provider is not None else None
    if reader is None:
        return otherwise
    try:
        return question(reader)
    except Exception as exc:
        report(name, exc)
        return otherwise
