"""A simulated API, and before it a Gemtap for each client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi


@pytest.fixture(scope="package")
def api() -> Iterator[SimulatedApi]:
    """The simulated Gemini API, Vertex and Code Assist."""
    api = SimulatedApi("--pace", "0.01")
    yield api
    api.stop()


@pytest.fixture
def gemtap(api: SimulatedApi, tmp_path: Path) -> Iterator[RunningGemtap]:
    """Gemtap before it, with nothing recorded yet."""
    others = [f"--upstream={name}={api.origin}" for name in ("vertex", "code_assist")]
    gemtap = RunningGemtap(tmp_path, api.origin, *others)
    yield gemtap
    gemtap.close()
