"""How clients of OpenAI's API are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "openai-python": Instructions(
        "openai for Python",
        "Where the client is made, or OPENAI_BASE_URL in the environment",
        ('client = OpenAI(base_url="{tap}/openai/v1")',),
        called=("openai-python",),
    ),
    "openai-javascript": Instructions(
        "openai for JavaScript",
        "Where the client is made, or OPENAI_BASE_URL in the environment",
        ('const client = new OpenAI({ baseURL: "{tap}/openai/v1" });',),
        called=("openai-js",),
    ),
}
"""By the name that `gemtap setup` takes."""
