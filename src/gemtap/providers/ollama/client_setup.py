"""How clients of Ollama are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "ollama": Instructions(
        "Ollama's command line, its libraries, and programs that read OLLAMA_HOST",
        "The shell of the client, not of the server",
        ("export OLLAMA_HOST={tap}/ollama",),
        "A client that takes a host and a port without a path can use {tap}: Ollama's own paths are known there too.",
        called=("ollama", "ollama-python", "ollama-js"),
    ),
    "ollama-python": Instructions(
        "ollama for Python",
        "In the code that creates the client",
        ('client = ollama.Client(host="{tap}/ollama")',),
        called=("ollama-python",),
    ),
}
"""By the name that `gemtap setup` takes."""
