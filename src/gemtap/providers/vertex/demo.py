"""Vertex AI in the demo: its simulated paths, for models of Google's and of Anthropic's."""

from __future__ import annotations

import re
from typing import Final

from gemtap.json_access import read_json
from gemtap.providers.claude.simulated import messages
from gemtap.providers.claude.simulated.caching import PromptCache, count_tokens
from gemtap.providers.demo import Demo
from gemtap.providers.google.simulated.api import GoogleSimulation
from gemtap.providers.google.simulated.routes import model_routes
from gemtap.providers.google.simulated.world import World
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Script

_ROUTES: Final = model_routes(
    r"/+(?:v1|v1beta1)(?:/projects/[^/]+/locations/[^/]+)?/publishers/google/models/(?P<model>[^/:]+)"
)
_CLAUDE: Final = re.compile(
    r"/+(?:v1|v1beta1)/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)"
)
_COUNTS_TOKENS: Final = "count-tokens"


class _VertexSimulation(GoogleSimulation):
    """Models of Google's, and Claude."""

    def __init__(self, pace: float, world: World | None) -> None:
        super().__init__(_ROUTES, pace=pace, world=world)
        self._seconds = pace
        self._cache = PromptCache()

    def knows(self, request: ReceivedRequest) -> bool:
        """A path of either."""
        return _claude(request) is not None or super().knows(request)

    def respond(self, request: ReceivedRequest) -> Script:
        """The response to any request."""
        found = _claude(request)
        if found is None:
            return super().respond(request)
        body = read_json(request.body)
        if not isinstance(body, dict) or request.method != "POST":
            return messages.error(400)
        if found[1] == _COUNTS_TOKENS:
            return messages.document({"input_tokens": count_tokens(body)})
        return messages.answer(body, found[1], self._cache, stream=found[2] == "streamRawPredict", pace=self._seconds)


def _claude(request: ReceivedRequest) -> re.Match[str] | None:
    return _CLAUDE.fullmatch(request.target.partition("?")[0])


class VertexDemo(Demo):
    """Models in any project and location."""

    def simulation(self, pace: float = 0.0, world: World | None = None) -> GoogleSimulation:
        """The methods of models."""
        return _VertexSimulation(pace, world)


DEMO: Final = VertexDemo()
