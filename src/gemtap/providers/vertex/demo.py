"""Vertex AI in the demo: its simulated paths."""

from __future__ import annotations

from typing import Final

from gemtap.providers.demo import Demo
from gemtap.providers.google.simulated.api import GoogleSimulation
from gemtap.providers.google.simulated.routes import model_routes
from gemtap.providers.google.simulated.world import World

_ROUTES: Final = model_routes(
    r"/+(?:v1|v1beta1)(?:/projects/[^/]+/locations/[^/]+)?/publishers/google/models/(?P<model>[^/:]+)"
)


class VertexDemo(Demo):
    """Models of Google's, in any project and location."""

    def simulation(self, pace: float = 0.0, world: World | None = None) -> GoogleSimulation:
        """The methods of models."""
        return GoogleSimulation(_ROUTES, pace=pace, world=world)


DEMO: Final = VertexDemo()
