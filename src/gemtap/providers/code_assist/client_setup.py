"""How clients of Code Assist are pointed at the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.providers.instructions import Instructions

CLIENTS: Final[Mapping[str, Instructions]] = {
    "gemini-cli-google": Instructions(
        "gemini-cli with a Google login",
        "The shell",
        ("export CODE_ASSIST_ENDPOINT={tap}", "gemini"),
        "Without a slash at the end.",
        called=("gemini-cli",),
    ),
    "gemini-code-assist": Instructions(
        "Gemini Code Assist for VS Code",
        "The extension has no setting for its API's address. With the same Google account gemini-cli goes through "
        "Gemtap, also in VS Code's terminal",
        ("export CODE_ASSIST_ENDPOINT={tap}", "gemini"),
        "Without a slash at the end.",
        called=("gemini-cli",),
    ),
}
"""By the name that `gemtap setup` takes."""
