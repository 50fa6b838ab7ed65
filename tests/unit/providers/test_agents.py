"""The agents of the demo: they outlive a proxy that goes away, as `gemtap demo` does when it is stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gemtap.providers.demo import Agents
from gemtap.providers.registry import PROVIDERS, demo_of
from tests.ports import free_port

pytestmark = pytest.mark.anyio


def agents_of(name: str, origin: str, on_turn: Callable[[str], None]) -> Agents | None:
    demo = demo_of(PROVIDERS[name])
    return None if demo is None else demo.agents(origin, seed=1, pause=0.001, on_turn=on_turn)


WITH_AGENTS = [name for name in PROVIDERS if agents_of(name, "http://127.0.0.1", print) is not None]


@pytest.mark.parametrize("name", WITH_AGENTS)
async def test_agents_end_their_sessions_where_nothing_answers(name: str) -> None:
    """Each session ends with a line that says so, and none with an error."""
    said: list[str] = []
    agents = agents_of(name, f"http://127.0.0.1:{free_port()}", said.append)
    assert agents is not None
    await agents.work(3)
    assert sum("the session ends" in line for line in said) == 3
