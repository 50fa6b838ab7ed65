"""Results of a batch of Gemini's: inside the batch, or in a file of lines that the batch names.

After https://ai.google.dev/gemini-api/docs/batch-api. Whoever waits for a batch gets it again and again; its results
are in it once it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.dialects.batch_results import ERRORED, SUCCEEDED, UNREADABLE, Result, first_line, lines_of
from gemtap.dialects.gemini_content.fields import read_tokens
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_list, as_text

BATCH: Final = "batches.get"
FILE: Final = "files.download"

RESULTS: Final = frozenset({BATCH, FILE})
"""The operations that return them."""

_INLINE: Final = ("inlinedResponses", "inlinedEmbedContentResponses")


def has_results(operation: str, body: Json | bytes) -> bool:
    """Whether an answer has results: of a file by its first line, which names the request that it answers."""
    if operation == BATCH:
        return bool(_inline(body))
    line = first_line(body)
    return "key" in line and bool(line.keys() & {"response", "error", "status"})


def read_results(operation: str, body: Json | bytes) -> Iterator[Result]:
    """The result of each request."""
    for line in _inline(body) if operation == BATCH else lines_of(body):
        answer, failure = as_dict(line.get("response")), as_dict(line.get("error")) or as_dict(line.get("status"))
        if answer:
            usage = answer.get("usageMetadata")
            yield Result(SUCCEEDED, as_text(answer.get("modelVersion")), answer, read_tokens(usage))
        elif failure:
            yield Result(ERRORED, failure=as_text(failure.get("message")), details=failure)
        else:
            yield Result(UNREADABLE)


def batch_model(body: Json) -> str | None:
    """The model of a batch, which answers do not always name."""
    name = as_text(as_dict(as_dict(body).get("metadata")).get("model"))
    return name.removeprefix("models/") if name is not None else None


def _inline(body: Json | bytes) -> list[dict[str, Json]]:
    """What a batch that has ended holds in the place of a file, said twice by the API: as its result, and as output."""
    fields = as_dict(body)
    for output in (as_dict(fields.get("response")), as_dict(as_dict(fields.get("metadata")).get("output"))):
        for name in _INLINE:
            found = as_list(as_dict(output.get(name)).get(name))
            if found:
                return [as_dict(each) for each in found]
    return []
