"""What is wrong with a value, in one sentence: for errors of commands, settings, queries and the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

_LONGEST: Final = 100
"""Characters of a wrong value that are repeated."""

_NUMBERS: Final = {"int": "a whole number", "float": "a number", "decimal": "a number"}


def not_one_of(value: str, choices: Iterable[str]) -> str:
    """The sentence for a value that is none of the choices: it names them, and the one that is most like it."""
    choices = tuple(choices)
    return f"{value[:_LONGEST]!r} is not one of {', '.join(choices)}.{meant(value, choices)}"


def meant(word: str, choices: Iterable[str]) -> str:
    """` Did you mean NAME?` if a choice is much like the word, in whatever case, else nothing."""
    by_lower = {choice.lower(): choice for choice in choices}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f" Did you mean {by_lower[near[0]]}?" if near else ""


def sentence_of(error: Mapping[str, Any]) -> str:
    """An error as pydantic lists it (`ValidationError.errors()`). Without `input`, the value is called `it`."""
    kind, context = str(error["type"]), error.get("ctx", {})
    value = error.get("input")
    given = repr(str(value)[:_LONGEST]) if "input" in error else "it"
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        return not_one_of(str(value), choices) if "input" in error else f"it is not one of {', '.join(choices)}."
    if kind == "extra_forbidden":
        return f"there is no {'parameter' if error['loc'][0] == 'query' else 'field'} of this name."
    if kind.startswith("bool_"):
        return f"{given} is not true or false."
    if kind.startswith(("datetime_", "timezone_")):
        return f"{given} is no time in ISO 8601, such as 2026-03-14 or 2026-03-14T12:30:00Z."
    number, _, fault = kind.partition("_")
    if number in _NUMBERS and fault in ("parsing", "type", "from_float", "parsing_size"):
        return f"{given} is not {_NUMBERS[number]}."
    match kind:
        case "greater_than_equal":
            return f"{given} is less than {_shown(context['ge'])}."
        case "greater_than":
            return f"{given} is not more than {_shown(context['gt'])}."
        case "less_than_equal":
            return f"{given} is more than {_shown(context['le'])}."
        case "less_than":
            return f"{given} is not less than {_shown(context['lt'])}."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if message.endswith((".", "?", "!")) else f"{message}."


def _shown(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
