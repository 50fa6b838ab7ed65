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
        variable="CODE_ASSIST_ENDPOINT={tap}",
        called=("gemini-cli",),
    ),
    "gemini-code-assist": Instructions(
        "Gemini Code Assist for VS Code",
        "The extension has no setting for its API's address. The shell, or permanently VS Code's settings.json",
        (
            "# for one run, after closing VS Code",
            "gemtap run -- code --wait --new-window .",
            "# permanently: trust Gemtap's authority, and in settings.json",
            "gemtap ca trust",
            '"http.proxy": "{tap}",',
            '"http.proxySupport": "on",',
        ),
        "Leave http.proxyStrictSSL on: VS Code reads the system's certificates. The extension's helper process reads "
        "HTTPS_PROXY and NODE_EXTRA_CA_CERTS, which only the first way sets. Based on the documentation; "
        "not tested with the extension: `gemtap tail` shows whether requests arrive. See docs/interception.md.",
        called=("Gemini Code Assist",),
    ),
    "gemini-code-assist-jetbrains": Instructions(
        "Gemini Code Assist for JetBrains, and Android Studio",
        "The shell, or permanently Settings, Appearance & Behavior, System Settings, HTTP Proxy",
        (
            "# for one run: idea, pycharm, studio, ...",
            "gemtap run -- idea",
            "# permanently: manual proxy configuration, HTTP, with the host and port of",
            "{tap}",
            "# and in Settings, Tools, Server Certificates: add the file of",
            "gemtap ca show",
        ),
        "Based on the documentation; not tested with the programs. See docs/interception.md.",
        called=("Gemini Code Assist",),
    ),
}
"""By the name that `gemtap setup` takes."""
