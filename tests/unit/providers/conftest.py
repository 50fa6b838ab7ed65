"""The simulated API, new for each test."""

from __future__ import annotations

import pytest

from tests.unit.providers.google.simulated.asking import Api


@pytest.fixture
def api() -> Api:
    return Api()
