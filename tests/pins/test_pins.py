"""What Gemtap reads out of exchanges is what it read before."""

from __future__ import annotations

import pytest

from tests.pins.files import differences, read
from tests.pins.groups import GROUPS, NO_RECORDINGS, pins

pytestmark = pytest.mark.anyio

_MOST_SHOWN = 40


@pytest.mark.parametrize("group", GROUPS)
async def test_every_pinned_exchange_is_read_as_before(group: str) -> None:
    """Documents, threads, conversations, context, cost, cut points, search text and training lines are unchanged."""
    new = await pins(group)
    if new is None:
        pytest.skip(NO_RECORDINGS)
    found = differences(read(group), new)
    more = f"\n… and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    assert not found, (
        f"{len(found)} differences (`python -m tests.pins` shows all; --write accepts them):\n"
        + "\n".join(found[:_MOST_SHOWN])
        + more
    )


def test_a_difference_names_the_sample_the_field_and_both_values() -> None:
    """A person who reads the failure sees what has changed."""
    old = {"a": {"model": "x", "tokens": {"input": 1}, "list": [1, 2]}, "b": {}}
    new = {"a": {"model": "y", "tokens": {"input": 1}, "list": [1, 3]}, "c": {}}
    assert differences(old, new) == [
        'a › model: was "x", is "y"',
        "a › list[1]: was 2, is 3",
        "b: gone, was {}",
        "c: new, is {}",
    ]
