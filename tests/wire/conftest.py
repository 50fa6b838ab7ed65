"""A tap between two sockets that the test holds: one of each for a module, as starting a process takes a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.wire.peers import ScriptedUpstream
from tests.wire.running_tap import RunningTap


@pytest.fixture(scope="module")
def module_upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def module_tap(module_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTap]:
    tap = RunningTap(tmp_path_factory.mktemp("wire") / "data", module_upstream.origin)
    yield tap
    tap.close()


@pytest.fixture
def upstream(module_upstream: ScriptedUpstream) -> Iterator[ScriptedUpstream]:
    """The upstream of the module, without connections of tests before."""
    yield module_upstream
    module_upstream.hang_up()


@pytest.fixture
def tap(module_tap: RunningTap, upstream: ScriptedUpstream) -> RunningTap:
    """The tap of the module. It calls `upstream`."""
    module_tap.forget()
    return module_tap


@pytest.fixture
def start_tap(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RunningTap]]:
    """Start a tap of the test's own, with settings of its own."""
    taps: list[RunningTap] = []

    def start(**settings: Any) -> RunningTap:
        settings.setdefault("data_dir", tmp_path_factory.mktemp("wire") / "data")
        taps.append(RunningTap(upstream=settings.pop("upstream_of", upstream.origin), **settings))
        return taps[-1]

    yield start
    for tap in taps:
        tap.close()
