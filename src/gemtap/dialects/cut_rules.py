"""How a dialect declares where its bodies are cut: a rule for each member, by its name with quotation marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with a value. For an array, this applies to each of its elements."""

    cut: bool = False
    """Cut before it and after it."""
    elements_only: bool = False
    """Cut only elements of an array: a text is no list of parts."""
    members: Mapping[bytes, Rule] = field(default_factory=dict)
    """Rules of the members of an object, by name."""


WHOLE: Final = Rule(cut=True)
"""One piece, such as the tools."""

PARTS: Final = Rule(cut=True, elements_only=True)
"""The parts of a message are pieces."""

MESSAGE: Final = Rule(cut=True, members={b'"parts"': PARTS, b'"content"': PARTS})
"""A message is a piece, and each of its parts is one."""
