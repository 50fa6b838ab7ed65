"""Every request of Google's newest SDKs is known."""

from __future__ import annotations

import json

import pytest

from tests.clients.running_client import python_client, run
from tests.surface import methods, openai

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]


def test_the_requests_of_the_sdks_are_written_down() -> None:
    """`methods.json`, which the table in docs/ is made of, has what the installed SDKs request."""
    assert json.loads(methods.METHODS.read_text()) == methods.walk(), "run `python -m tests.surface.methods`"


def test_the_requests_of_openai_are_written_down() -> None:
    """`openai.json` has what the installed SDKs of OpenAI request."""
    assert json.loads(openai.METHODS.read_text()) == openai.walk(), "run `python -m tests.surface.openai`"


def test_the_requests_of_anthropic_are_written_down() -> None:
    """`anthropic.json` has what the installed SDK of Anthropic requests."""
    walked = run([*python_client("anthropic", "../../surface/walk_anthropic.py")], {})
    written = json.loads((methods.HERE / "anthropic.json").read_text())
    assert json.loads(walked) == written, "write the output of tests/surface/walk_anthropic.py to anthropic.json"
