"""Two short runs of runaway clients in every run of the tests; `make runaway` has twenty of a thousand requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.runaway.run import Kind, runaway


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
@pytest.mark.anyio
async def test_no_budget_is_passed_by_more_than_was_in_flight(kind: Kind, tmp_path: Path) -> None:
    """Ten users, two proxy processes, kills of both and of the desk: each budget holds, and requests are exact."""
    result = await runaway(tmp_path, kind, requests=150, attempts=4, seed=7)
    assert result.kills.total() == 4
    assert result.answers[200] > 0
    assert result.answers[429] > 0
    assert [each for each in result.budgets if not each.holds] == []
