"""What several dialects have in the same place."""

from __future__ import annotations

from gemtap.interaction import Error, Json
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
