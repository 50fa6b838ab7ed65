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
        "Based on Antigravity's documentation; not tested with the program. It may not send all of its requests "
        "there: `gemtap tail` shows which arrive.",
        called=("Antigravity",),
    ),
    "antigravity-run": Instructions(
        "Antigravity without a setting",
        "The shell, or permanently the settings.json of the editor",
        (
            "# for one run of the command line, or of the editor after closing it",
            "gemtap run -- agy",
            "gemtap run -- antigravity --wait .",
            "# permanently: trust Gemtap's authority, and in the editor's settings.json",
            "gemtap ca trust",
            '"http.proxy": "{tap}",',
        ),
        "Based on Antigravity's documentation; not tested with the programs. With an API key, "
        "`gemtap setup antigravity` sets AGY_LLM_GATEWAY_URL and _CA_CERT instead. See docs/interception.md.",
        called=("Antigravity",),
    ),
}
"""By the name that `gemtap setup` takes."""
