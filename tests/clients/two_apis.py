"""Clients that speak OpenAI's API and Anthropic's, once through Gemtap and once without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.setup_lines import setup_lines
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi

KEYS = {
    "OPENAI_API_KEY": "sk-Canary-0123456789_abcdefghijklmnop",
    "ANTHROPIC_API_KEY": "sk-ant-api03-canary-0123456789",
}
"""What no recorded document may have."""


@dataclass(frozen=True)
class TwoWays:
    """A Gemtap before one simulated API, and a second API that is the same."""

    provider: str
    gemtap: RunningGemtap
    direct_origin: str

    def lines(self, client: str, *, direct: bool = False) -> list[str]:
        """The lines of `gemtap setup`; `direct`: with the API's own address in the place of Gemtap's."""
        lines = list(setup_lines(self.gemtap, client))
        if not direct:
            return lines
        tapped = f"http://localhost:{self.gemtap.port}/{self.provider}"
        assert any(tapped in line for line in lines), lines
        return [line.replace(tapped, self.direct_origin) for line in lines]


@contextmanager
def two_ways(provider: str, folder: Path) -> Iterator[TwoWays]:
    """Two APIs, since each remembers which prompts it has cached."""
    apis = [SimulatedApi("--pace", "0.01", "--provider", provider) for _ in range(2)]
    try:
        gemtap = RunningGemtap(folder, apis[0].origin, f"--upstream={provider}={apis[0].origin}")
        try:
            yield TwoWays(provider, gemtap, apis[1].origin)
        finally:
            gemtap.close()
    finally:
        for api in apis:
            api.stop()
