"""How clients of the toy API are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "toy": Instructions(
        "OpenAI's SDK for Python, on the toy API",
        "Where the client is made",
        ('client = OpenAI(base_url="{tap}/toy/v1", api_key=TOY_API_KEY)',),
        called=("openai-python",),
    ),
}
"""By the name that `gemtap setup` takes."""
