"""Comparing documents to the letter."""

from __future__ import annotations

from typing import Any


def exactly(value: Any, *, ordered: bool = False) -> Any:
    """Something that equals only what is the same in every type and every bit.

    To Python 1, 1.0 and True are equal, and 0.0 and -0.0; here they are not. The members of an interaction have no
    order, but those inside a body do.
    """
    match value:
        case dict():
            members = [(key, exactly(item, ordered=ordered or key == "body")) for key, item in value.items()]
            return members if ordered else dict(members)
        case list():
            return [exactly(item, ordered=ordered) for item in value]
        case _:
            return type(value).__name__, repr(value)
