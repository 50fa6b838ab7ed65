"""Short forms of what is said, for lists."""

from __future__ import annotations

import json
from typing import Final

from gemtap.interaction import Json
from gemtap.json_access import as_dict, as_text

MAX_LENGTH: Final = 200
"""In characters."""

_LONGEST_ARGUMENT: Final = 60


def call_form(name: Json, arguments: Json) -> str:
    """A function call as a person would write it: `get_weather(location="Boston", days=3)`."""
    shown = ", ".join(f"{argument}={_argument(value)}" for argument, value in as_dict(arguments).items())
    return f"{as_text(name) or ''}({shown})"


def _argument(value: Json) -> str:
    match value:
        case dict():
            return "{…}"
        case list():
            return "[…]"
        case str():
            return json.dumps(shorten(value, _LONGEST_ARGUMENT), ensure_ascii=False)
        case _:
            return json.dumps(value)


def shorten(text: str, length: int = MAX_LENGTH) -> str:
    """The text on one line, its white space folded, cut to so many characters."""
    # The beginning of a long prompt is enough, and folding megabytes would be slow.
    folded = " ".join(text.lstrip()[: 10 * length].split())
    return folded if len(folded) <= length else folded[: length - 1].rstrip() + "…"
