"""Gemini's Interactions API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.cut_rules import MESSAGE, WHOLE, Rule

CUT_POINTS: Final[Mapping[bytes, Rule]] = {
    b'"input"': MESSAGE,
    b'"system_instruction"': WHOLE,
    b'"tools"': WHOLE,
    b'"outputs"': MESSAGE,
    b'"steps"': MESSAGE,
}
"""Where its bodies are cut, see `gemtap.dialects.cut_points`."""
