"""The tables of docs/methods.md against the SDKs, in both directions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gemtap.dialects.base import UNKNOWN_OPERATION
from tests.surface import anthropic_requests, openai
from tests.surface.operations import billed_of, operation_of

PAGE = (Path(__file__).parents[3] / "docs" / "methods.md").read_text("utf-8")
SURFACES = {"OpenAI": openai.requests(), "Anthropic": anthropic_requests.requests()}


def rows(title: str) -> list[list[str]]:
    """The cells of one table."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("title", SURFACES)
def test_the_table_has_every_request_of_the_sdks_and_no_other(title: str) -> None:
    """Each with the operation that Gemtap records it under, which is known."""
    shown = {(request, operation.strip("`")) for request, operation, *_ in rows(title)}
    wanted = {
        (f"`{method} {re.sub('(?<=/)x(?=[/:]|$)', '…', path)}`", operation_of(provider, method, path))
        for provider, method, path in SURFACES[title]
    }
    assert shown == wanted
    assert UNKNOWN_OPERATION not in {operation for _, operation in shown}


@pytest.mark.parametrize("title", SURFACES)
def test_every_operation_that_is_counted_is_on_the_page(title: str) -> None:
    """In the table, or among those that the SDKs do not call; and the table says counted of no other."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    billed = billed_of(SURFACES[title][0][0])
    assert {name for name in billed if f"`{name}`" not in section} == set()
    assert {operation.strip("`") for _, operation, _, counted in rows(title) if counted != "none"} <= billed
