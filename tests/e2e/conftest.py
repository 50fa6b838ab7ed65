"""Gemtap as users run it, with each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import ObjectId

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi
from tests.mongod import Mongod


@pytest.fixture(scope="package")
def api() -> Iterator[SimulatedApi]:
    """The simulated Gemini API."""
    api = SimulatedApi("--pace", "0.01")
    yield api
    api.stop()


@pytest.fixture(scope="package")
def sqlite_gemtap(api: SimulatedApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    """Gemtap in front of the simulated API, with SQLite."""
    gemtap = RunningGemtap(tmp_path_factory.mktemp("gemtap"), api.origin)
    yield gemtap
    gemtap.close()


@pytest.fixture(scope="package")
def mongodb_gemtap(
    api: SimulatedApi, mongod: Mongod, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGemtap]:
    """The same with MongoDB."""
    store = f"{mongod.url}/e2e_{ObjectId()}"
    gemtap = RunningGemtap(tmp_path_factory.mktemp("gemtap"), api.origin, "--store", store)
    yield gemtap
    gemtap.close()


@pytest.fixture(scope="package", params=["sqlite", "mongodb"])
def gemtap(request: pytest.FixtureRequest) -> RunningGemtap:
    """Each of them in turn. Both go on running, since every file of tests begins with the first again."""
    gemtap: RunningGemtap = request.getfixturevalue(f"{request.param}_gemtap")
    return gemtap


@pytest.fixture(params=["sqlite", "mongodb"])
def own_gemtap(
    request: pytest.FixtureRequest, api: SimulatedApi, mongod: Mongod, tmp_path: Path
) -> Iterator[RunningGemtap]:
    """A Gemtap of one test alone, in front of the simulated API: what is set in it concerns no other test."""
    flags = ("--store", f"{mongod.url}/own_{ObjectId()}") if request.param == "mongodb" else ()
    gemtap = RunningGemtap(tmp_path, api.origin, *flags)
    yield gemtap
    gemtap.close()
