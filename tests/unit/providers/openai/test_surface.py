"""Every request of OpenAI's SDKs has an operation."""

from __future__ import annotations

import pytest

from tests.surface.openai import Method, methods


@pytest.mark.parametrize("method", methods(), ids=lambda each: f"{each.method}-{each.path}")
def test_every_method_of_the_sdks_is_known(method: Method) -> None:
    """Its path has a route and an operation."""
    assert method.read() not in ("unknown", "no route"), method.example


def test_different_requests_have_different_operations() -> None:
    """Only runs of assistants can be created in two ways, and sessions opened by POST and by WebSocket."""
    by_operation: dict[str, set[str]] = {}
    for method in methods():
        by_operation.setdefault(method.read(), set()).add(method.path)
    same = {operation: paths for operation, paths in by_operation.items() if len(paths) > 1}
    assert same == {"openai.threads.runs.create": {"/threads/runs", "/threads/{}/runs"}}
