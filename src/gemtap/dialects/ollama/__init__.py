"""Ollama's own API, whose streams are lines of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.dialects.cut_rules import MESSAGE, WHOLE, Rule

CUT_POINTS: Final[Mapping[bytes, Rule]] = {b'"messages"': MESSAGE, b'"tools"': WHOLE}
"""Where its bodies are cut, see `gemtap.dialects.cut_points`."""
