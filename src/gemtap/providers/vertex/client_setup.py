"""How clients of Vertex AI are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "gemini-cli-vertex": Instructions(
        "gemini-cli with Vertex AI",
        "The shell",
        ("export GOOGLE_VERTEX_BASE_URL={tap}", "gemini"),
        called=("gemini-cli",),
    ),
}
"""By the name that `gemtap setup` takes."""
