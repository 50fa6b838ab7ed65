"""How clients of Mistral are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "mistralai-python": Instructions(
        "mistralai for Python",
        "In the code that creates the client",
        ('client = Mistral(api_key=..., server_url="{tap}/mistral")',),
        called=("mistral-client-python",),
    ),
}
"""By the name that `gemtap setup` takes."""
