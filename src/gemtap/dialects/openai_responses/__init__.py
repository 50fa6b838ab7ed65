"""OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.cut_rules import MESSAGE, WHOLE, Rule

CUT_POINTS: Final[Mapping[bytes, Rule]] = {
    b'"input"': MESSAGE,
    b'"output"': MESSAGE,
    b'"instructions"': WHOLE,
    b'"tools"': WHOLE,
}
"""Where its bodies are cut, see `gemtap.dialects.cut_points`."""
