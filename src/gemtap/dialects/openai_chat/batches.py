"""Results of a batch in OpenAI's shape: a file of lines, each with a response or an error.

After https://platform.openai.com/docs/guides/batch. Files of other purposes come by the same operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gemtap.dialects.batch_results import ERRORED, SUCCEEDED, UNREADABLE, Result, first_line, lines_of
from gemtap.dialects.openai_chat.fields import read_tokens
from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text, count

RESULTS: Final = "openai.files.content"
"""The operation that returns them."""


def has_results(body: Json | bytes) -> bool:
    """Whether the file has results of a batch, by its first line. A batch's requests have no `response`."""
    return {"custom_id", "response"} <= first_line(body).keys()


def read_results(body: Json | bytes) -> Iterator[Result]:
    """The result of each line."""
    for line in lines_of(body):
        response = as_dict(line.get("response"))
        answer, status = as_dict(response.get("body")), count(response.get("status_code"))
        if answer and status is not None and status < 400:
            yield Result(SUCCEEDED, as_text(answer.get("model")), answer, read_tokens(answer.get("usage")))
        elif failure := as_dict(answer.get("error")) or as_dict(line.get("error")):
            yield Result(ERRORED, failure=as_text(failure.get("message")), details=failure)
        else:
            yield Result(ERRORED if response else UNREADABLE, details=response or None)
