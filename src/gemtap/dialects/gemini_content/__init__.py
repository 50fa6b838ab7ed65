"""Requests for content as the Gemini API, Vertex AI and Code Assist take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.cut_rules import MESSAGE, WHOLE, Rule

CUT_POINTS: Final[Mapping[bytes, Rule]] = {
    b'"contents"': MESSAGE,
    b'"systemInstruction"': WHOLE,
    b'"system_instruction"': WHOLE,
    b'"tools"': WHOLE,
    b'"candidates"': Rule(members={b'"content"': MESSAGE}),
}
"""Where its bodies are cut, see `gemtap.dialects.cut_points`."""
