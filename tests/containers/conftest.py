"""One engine for all tests with containers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.containers.engine import Engine

SCRIPT = os.environ.get("GEMTAP_TEST_ENGINE")


@pytest.fixture(scope="session")
def engine() -> Iterator[dict[str, str]]:
    """The environment in which `docker` reaches it."""
    if SCRIPT is None:
        pytest.skip("GEMTAP_TEST_ENGINE names no script that starts a Docker engine")
    engine = Engine(SCRIPT)
    try:
        yield engine.up()
    finally:
        engine.down()
