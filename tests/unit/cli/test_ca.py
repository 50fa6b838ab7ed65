"""`gemtap ca`, as far as it changes no store of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemtap.cli.app import Failed
from tests.unit.cli.conftest import invoke, shown


def test_nothing_to_untrust_is_said() -> None:
    """Silence would leave open whether something was removed."""
    assert shown("ca", "untrust") == "No store trusts it.\n"


def test_a_home_without_browsers_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to change, so the certificate has to be imported by hand."""
    monkeypatch.setenv("HOME", str(tmp_path))
    error = invoke("ca", "trust", "--store", "browsers").exception
    assert isinstance(error, Failed)
    assert str(error) == "No certificate store was found. Import the file of `gemtap ca show` by hand."
