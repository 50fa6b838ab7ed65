"""A short storm in every run of the tests; `make crash` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.storm.run import Kind, storm


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
@pytest.mark.anyio
async def test_nothing_is_lost_doubled_or_cut(kind: Kind, tmp_path: Path) -> None:
    """After many kills under traffic, every exchange is stored exactly once and whole."""
    ledger, accounts = await storm(tmp_path, kind, kills=12, rate=50, seed=7)
    assert (accounts.lost, accounts.twice, accounts.cut) == ([], [], [])
    assert ledger.kills.total() == 12
    assert accounts.documents >= accounts.crossed > accounts.answered > 100
    assert accounts.outcomes["interrupted"] > 0
