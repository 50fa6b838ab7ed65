"""API keys for replays: from the environment, by provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.replay.request import CannotReplay, ReplayRequest

_BEARER: Final = ("authorization", "Bearer {}")
_TOKENS: Final = ("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
"""Variables for a token of `gcloud auth print-access-token`."""

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "vertex": _TOKENS,
    "code_assist": _TOKENS,
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
}
"""Variables that may hold the key of a provider. The first that is set is used."""

_HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "gemini": ("x-goog-api-key", "{}"),
    "vertex": _BEARER,
    "code_assist": _BEARER,
    "openai": _BEARER,
    "anthropic": ("x-api-key", "{}"),
}


def has_key(provider: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a key for the provider."""
    return any(environment.get(name) for name in VARIABLES.get(provider, ()))


def key_header(request: ReplayRequest, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The header with the key. Raises CannotReplay."""
    names = VARIABLES.get(request.provider, ())
    key = next((environment[name] for name in names if environment.get(name)), None)
    if key is None:
        wanted = " or ".join(names) or "no variable that Gemtap knows"
        raise CannotReplay(f"There is no key to send it with: set {wanted}.")
    if not key.isascii() or not key.isprintable():
        raise CannotReplay("The key has a character that no key has.")
    header, form = _HEADERS[request.provider]
    if request.provider == "gemini" and b"/openai/" in request.path:
        header, form = _BEARER
    return header.encode("ascii"), form.format(key).encode("ascii")
