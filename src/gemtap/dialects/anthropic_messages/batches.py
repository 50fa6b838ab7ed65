"""Results of a batch of Anthropic's: one line per request, with a message or an error.

After https://platform.claude.com/docs/en/build-with-claude/batch-processing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.dialects.anthropic_messages.fields import read_tokens
from gemtap.dialects.batch_results import SUCCEEDED, UNREADABLE, Result, lines_of
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text

RESULTS: Final = "messages.batches.results"
"""The operation that returns them."""


def read_results(body: Json | bytes) -> Iterator[Result]:
    """The result of each line."""
    for line in lines_of(body):
        result = as_dict(line.get("result"))
        kind = as_text(result.get("type")) or UNREADABLE
        if kind == SUCCEEDED:
            message = as_dict(result.get("message"))
            yield Result(kind, as_text(message.get("model")), message, read_tokens(message.get("usage")))
        else:
            told = as_dict(as_dict(result.get("error")).get("error"))
            yield Result(kind, failure=as_text(told.get("message")), details=result)
