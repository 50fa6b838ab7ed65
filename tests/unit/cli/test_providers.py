"""`gemtap providers add`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemtap.settings import SettingsError
from tests.unit.cli.conftest import invoke, shown

LAB = ("lab", "--dialect", "openai", "--upstream", "http://localhost:9000/v1")


@pytest.mark.parametrize("maker", ["free", "groq", "x-ai"])
def test_prices_may_be_of_any_maker_in_the_list(folder: Path, maker: str) -> None:
    """The table of the provider names the maker."""
    assert "Added to gemtap.toml." in shown("providers", "add", *LAB, "--prices", maker)
    assert f'prices = "{maker}"' in (folder / "gemtap.toml").read_text()


def test_a_maker_without_prices_is_refused(folder: Path) -> None:
    """Every cost would be unknown, and nothing would say why."""
    error = invoke("providers", "add", *LAB, "--prices", "mistrl").exception
    assert isinstance(error, SettingsError)
    assert str(error).startswith("Bad flag --prices: 'mistrl' is not one of free, anthropic, ")
    assert str(error).endswith("Did you mean mistral?")
    assert not (folder / "gemtap.toml").exists()
