"""What several dialects have in the same place."""

from __future__ import annotations

from collections.abc import Iterable

from gemtap.interaction import NO_TOKENS, Error, Json, Tokens
from gemtap.json_access import as_dict, as_list, as_text


def model_name(request: Json) -> str | None:
    """The model where the body names it: caches, interactions, sessions, the OpenAI paths.

    `models/M` and Vertex AI's `projects/P/locations/L/publishers/google/models/M` are M.
    """
    name = as_text(as_dict(request).get("model"))
    return name.removeprefix("models/").rpartition("/publishers/google/models/")[2] or None if name else None


def read_error(response: Json) -> Error | None:
    """The error of `{"error": {...}}`, which an answer without `alt=sse` wraps in an array."""
    for value in (response, *as_list(response)[:1]):
        error = as_dict(value).get("error")
        if error:
            said = as_dict(error)
            message = as_text(error) or as_text(said.get("message")) or as_text(said.get("status")) or "error"
            return {"message": message, "details": error}
    return None


def add_tokens(tokens: Iterable[Tokens]) -> Tokens:
    """The sums; None for counts that none of them has."""
    counted: dict[str, int | None] = dict.fromkeys(NO_TOKENS)
    for each in tokens:
        for name, number in each.items():
            if isinstance(number, int):
                counted[name] = (counted[name] or 0) + number
    return counted  # type: ignore[return-value]  # the same names
