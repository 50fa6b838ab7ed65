"""Anthropic's Messages API, which Vertex AI and many gateways serve too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.cut_rules import MESSAGE, PARTS, WHOLE, Rule

CUT_POINTS: Final[Mapping[bytes, Rule]] = {
    b'"messages"': MESSAGE,
    b'"system"': WHOLE,
    b'"tools"': WHOLE,
    b'"content"': PARTS,
}
"""Where its bodies are cut, see `gemtap.dialects.cut_points`. The blocks of an answer are those of the next request."""
