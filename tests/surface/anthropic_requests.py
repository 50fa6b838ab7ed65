"""The requests of Anthropic's SDK, which `walk_anthropic.py` has read from its sources."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_WRITTEN = Path(__file__).with_name("anthropic.json")


@cache
def requests() -> tuple[tuple[str, str, str], ...]:
    """Provider, HTTP method, and path with `x` in the place of each parameter."""
    return tuple(("anthropic", method, path) for method, path in json.loads(_WRITTEN.read_text())["requests"])


def sdks() -> str:
    """The SDK and its version, for people."""
    return f"anthropic {json.loads(_WRITTEN.read_text())['version']} for Python"
