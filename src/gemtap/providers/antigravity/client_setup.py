"""How Antigravity is pointed at the proxy with a Google account. With an API key it calls the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "antigravity-google": Instructions(
        "Antigravity (agy) with a Google login",
        "The shell",
        ("export CLOUD_CODE_URL={tap}/antigravity", "agy"),
        "Written from Antigravity's documentation, and not tried with the program. It may not send all of its requests "
        "there: `gemtap tail` shows which arrive.",
        called=("Antigravity",),
    ),
}
"""By the name that `gemtap setup` takes."""
