"""Which providers a replay from the dashboard may go to."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gemtap.replay.desk import Replays
from gemtap.settings import Settings
from gemtap.stores.base import Store
from tests.records import make_record


def targets(*variables: str, **fields: Any) -> list[str]:
    replays = Replays(cast(Settings, None), cast(Store, None), dict.fromkeys(variables, "key"))
    return [name for name, _ in replays.targets(make_record(**fields).document)]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ((), []),
        (("GEMINI_API_KEY",), ["gemini", "ollama"]),
        (("GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"), ["gemini", "anthropic", "ollama", "openai"]),
        (("ANTHROPIC_API_KEY",), ["anthropic", "ollama"]),
    ],
    ids=str,
)
def test_its_own_provider_comes_first_and_each_needs_a_key(variables: tuple[str, ...], wanted: list[str]) -> None:
    """Ollama needs none, and is no reason by itself to offer a replay."""
    assert targets(*variables) == wanted


def test_what_is_no_conversation_goes_to_its_own_provider() -> None:
    """Others cannot be asked for it."""
    assert targets("GEMINI_API_KEY", "OPENAI_API_KEY", thread=None) == ["gemini"]
    assert targets("OPENAI_API_KEY", thread=None) == []
