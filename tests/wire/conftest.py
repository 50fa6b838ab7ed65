"""A tap between two sockets that the test controls. Each module shares one, since starting a process takes a second."""

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
    """The module's upstream, without connections of earlier tests."""
    yield module_upstream
    module_upstream.hang_up()


@pytest.fixture
def tap(module_tap: RunningTap, upstream: ScriptedUpstream) -> RunningTap:
    """The module's tap, which forwards to `upstream`."""
    module_tap.forget()
    return module_tap


@pytest.fixture
def start_tap(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RunningTap]]:
    """Start a tap for one test, with its own settings."""
    taps: list[RunningTap] = []

    def start(**settings: Any) -> RunningTap:
        settings.setdefault("data_dir", tmp_path_factory.mktemp("wire") / "data")
        taps.append(RunningTap(upstream=settings.pop("upstream_of", upstream.origin), **settings))
        return taps[-1]

    yield start
    for tap in taps:
        tap.close()
