"""Azure OpenAI in the demo: OpenAI's simulation behind Azure's paths and key."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gemtap.providers.demo import Demo
from gemtap.providers.openai.demo import DEMO as OPENAI_DEMO
from gemtap.simulation.base import Simulation
from gemtap.simulation.received import ReceivedRequest
from gemtap.simulation.script import Script

_BEFORE: Final = re.compile(r"/+(?:[a-z0-9-]+/+)?openai(?:/+v1|/+deployments/+[^/]+)?(?=/)")


class AzureSimulation(Simulation):
    """Each deployment has the name of its model."""

    def __init__(self, openai: Simulation) -> None:
        self._openai = openai

    def knows(self, request: ReceivedRequest) -> bool:
        """Its paths."""
        return _BEFORE.match(request.target) is not None

    def respond(self, request: ReceivedRequest) -> Script:
        """What OpenAI's API answers to the same operation. The key is in a header of its own."""
        key = [(b"authorization", b"Bearer " + value) for name, value in request.headers if name.lower() == b"api-key"]
        target = "/v1" + _BEFORE.sub("", request.target, count=1)
        return self._openai.respond(replace(request, target=target, headers=[*request.headers, *key]))


class AzureDemo(Demo):
    """Azure OpenAI without an account."""

    def simulation(self, pace: float = 0.0) -> Simulation:
        """OpenAI's operations."""
        return AzureSimulation(OPENAI_DEMO.simulation(pace))


DEMO: Final = AzureDemo()
