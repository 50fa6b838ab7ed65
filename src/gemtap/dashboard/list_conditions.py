"""The conditions of a list, as chips above it and as links that add or remove one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from gemtap.stores.query.parsing import conditions_in, quoted

_NO_CONDITIONS: Final = ("limit", "cursor", "sort")
"""Parameters of a list that select nothing."""

_WITH_TIME: Final = ("since", "until")


class Chip(NamedTuple):
    """One active condition, and the list without it."""

    text: str
    without: str
    """The URL's query."""


def chips_of(params: Mapping[str, str]) -> list[Chip]:
    """The active conditions: each parameter, and each condition of the query."""
    chips = [
        Chip(f"{name}:{value}", url_query(without(params, name, "cursor")))
        for name, value in params.items()
        if name not in (*_NO_CONDITIONS, "q")
    ]
    written = conditions_in(params.get("q", ""))
    for position, text in enumerate(written):
        others = " ".join(written[:position] + written[position + 1 :])
        kept = without(params, "q", "cursor") | ({"q": others} if others else {})
        chips.append(Chip(text, url_query(kept)))
    return chips


def narrowed(params: Mapping[str, str], name: str, value: str | int) -> str:
    """The URL's query of the list with one more condition."""
    condition = f"{name}:{quoted(str(value))}"
    query = params.get("q", "")
    written = query if condition in query.split() else f"{query} {condition}".strip()
    return url_query(without(params, "cursor", "sort") | {"q": written})


def whole_query(params: Mapping[str, str]) -> str:
    """All conditions of the list as one query."""
    conditions = [
        f"{name}:{value if name in _WITH_TIME else quoted(value)}"
        for name, value in params.items()
        if name not in (*_NO_CONDITIONS, "q")
    ]
    return " ".join([*conditions, params.get("q", "").strip()]).strip()


def without(params: Mapping[str, str], *names: str) -> dict[str, str]:
    """The parameters without some of them."""
    return {name: value for name, value in params.items() if name not in names}


def url_query(params: Mapping[str, str]) -> str:
    """The parameters as a URL's query, with its question mark."""
    return "?" + urlencode(params)
