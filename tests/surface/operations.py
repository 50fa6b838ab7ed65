"""What Gemtap makes of the requests of an SDK: operation, dialect, and what is counted."""

from __future__ import annotations

import re

from gemtap.interaction import Json
from gemtap.providers.documents import find_dialect
from gemtap.providers.reader import Reader
from gemtap.providers.registry import PROVIDERS

_NAMES = {
    "OpenAIChat": "chat completions",
    "OpenAIResponses": "responses",
    "AnthropicMessages": "messages",
}
_CONVERSATION: tuple[Json, Json] = (
    {"messages": [{"role": "user", "content": "Hi"}], "input": "Hi", "prompt": "Hi"},
    {},
)
"""Bodies in which every dialect finds a conversation, if its operation has any."""


def operation_of(provider: str, method: str, path: str) -> str:
    """The operation of a request to the API's own path."""
    return PROVIDERS[provider].reader.operation(method, path)[0]


def row_of(provider: str, method: str, path: str) -> tuple[str, str, str, str]:
    """The cells of a request: itself, its operation, how it is read, and what is counted."""
    reader = PROVIDERS[provider].reader
    operation = operation_of(provider, method, path)
    shown = re.sub(r"(?<=/)x(?=[/:]|$)", "…", path)
    return f"`{method} {shown}`", f"`{operation}`", _read_as(provider, method, operation), _counted(reader, operation)


def billed_of(provider: str) -> set[str]:
    """Every operation that a provider's reader counts."""
    reader = PROVIDERS[provider].reader
    return set((reader.billed or frozenset()) | reader.told_later | reader.batch_results)


def _read_as(provider: str, method: str, operation: str) -> str:
    """The dialect, if it finds a conversation in the operation. What is counted and is a GET opens a WebSocket."""
    if method == "GET" and operation in (PROVIDERS[provider].reader.billed or ()):
        return "a session"
    dialect = find_dialect(provider, operation, is_session=False)
    found = dialect.conversation(operation, *_CONVERSATION) if dialect is not None else None
    return f"a conversation ({_NAMES[type(dialect).__name__]})" if found is not None and found.prompt else "fields"


def _counted(reader: Reader, operation: str) -> str:
    if operation in reader.told_later:
        return "if it is the first to see the end of a run"
    if operation in reader.batch_results:
        return "results of a batch, once"
    return "counted" if operation in (reader.billed or ()) else "none"
