"""The Gemini API in the demo: its simulated paths, and agents that use google-genai."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gemtap.providers.demo import Agents, Demo, missing_extra
from gemtap.providers.google.simulated.api import GoogleSimulation, Surface
from gemtap.providers.google.simulated.routes import model_routes
from gemtap.providers.google.simulated.surfaces import (
    batches,
    files,
    generation,
    interactions,
    openai,
    resources,
    uploads,
)
from gemtap.providers.google.simulated.world import World

_V: Final = r"/+(?P<version>v1|v1beta|v1alpha)"
_COLLECTION: Final = rf"{_V}/(?P<collection>cachedContents|fileSearchStores|tunedModels|batches|auth_tokens)"
_ITEM: Final = rf"{_COLLECTION}/(?P<id>[^/:]+)"
_FILE: Final = rf"{_V}/files/(?P<id>[^/:]+)"
_INTERACTION: Final = rf"{_V}/interactions/(?P<id>[^/:]+)"

_LIVE: Final = re.compile(
    r"/+ws/google\.ai\.generativelanguage\.(?P<version>\w+)\.GenerativeService\.BidiGenerateContent(?:Constrained)?"
)

_ROUTES: Final[list[tuple[str, str, Surface]]] = [
    ("GET", rf"{_V}/models", generation.list_models),
    *model_routes(rf"{_V}/models/(?P<model>[^/:]+)"),
    ("GET", rf"{_V}/(?P<name>models/[^/]+/operations/[^/:]+)", resources.get_operation),
    ("POST", rf"/+upload{_V}/files", uploads.upload),
    ("PUT", rf"/+upload{_V}/files", uploads.upload),
    ("GET", rf"{_V}/files", files.list_files),
    ("GET", _FILE, files.get_file),
    ("DELETE", _FILE, files.delete_file),
    ("GET", rf"(?:/+download)?{_FILE}:download", files.download),
    ("POST", rf"{_V}/batches/(?P<id>[^/:]+):cancel", batches.cancel),
    ("GET", _COLLECTION, resources.list_all),
    ("POST", _COLLECTION, resources.create),
    ("GET", _ITEM, resources.get),
    ("PATCH", _ITEM, resources.update),
    ("DELETE", _ITEM, resources.delete),
    ("POST", rf"{_V}/interactions", interactions.create),
    ("GET", _INTERACTION, interactions.get),
    ("DELETE", _INTERACTION, interactions.delete),
    ("POST", rf"{_INTERACTION}/cancel", interactions.cancel),
    ("POST", rf"{_V}/openai/chat/completions", openai.chat_completions),
    ("POST", rf"{_V}/openai/embeddings", openai.embeddings),
    ("GET", rf"{_V}/openai/models", openai.list_models),
    ("GET", rf"{_V}/openai/models/(?:models/)?(?P<model>[^/:]+)", openai.get_model),
]


class GeminiDemo(Demo):
    """The Gemini API, its OpenAI-compatible paths and its Live API."""

    def simulation(self, pace: float = 0.0, world: World | None = None) -> GoogleSimulation:
        """All operations of the Gemini API that clients call."""
        return GoogleSimulation(_ROUTES, pace=pace, live=_LIVE, world=world)

    def agents(self, origin: str, *, seed: int, pause: float, on_turn: Callable[[str], None]) -> Agents:
        """Coding agents."""
        from gemtap.providers.gemini.agents import GeminiAgents

        return GeminiAgents(origin, seed=seed, pause=pause, on_turn=on_turn)

    def missing(self) -> str | None:
        """Google's SDK is an extra."""
        return missing_extra("Google's SDK", "google", "google.genai", "aiohttp")


DEMO: Final = GeminiDemo()
