"""Every request of google-genai and @google/genai has an operation."""

from __future__ import annotations

import pytest

from tests.surface.methods import MODEL_IN_BODY, Method, methods


@pytest.mark.parametrize("method", methods(), ids=lambda each: f"{each.api}-{each.name}-{each.method}")
def test_every_method_of_the_sdks_is_known(method: Method) -> None:
    """Its path has a route and an operation, and a model where the path names one."""
    operation, model = method.read()
    assert operation not in ("unknown", "no route"), method.example
    if "{model}" in method.path and method.method == "POST":
        assert model == "m", method.example


def test_the_walk_sees_the_methods_that_are_known() -> None:
    """Both SDKs, both APIs, sessions and generated resources are in the list."""
    found = {(each.api, each.method, each.read()[0]) for each in methods()}
    assert {
        ("gemini", "POST", "generateContent"),
        ("vertex", "POST", "computeTokens"),
        ("vertex", "POST", "fetchPredictOperation"),
        ("vertex", "GET", "batchPredictionJobs.list"),
        ("vertex", "POST", "tuningJobs.create"),
        ("gemini", "GET", "interactions.live"),
        ("gemini", "GET", "bidiGenerateMusic"),
        ("vertex", "POST", "interactions.create"),
        ("gemini", "POST", "interactions.auth_tokens.create"),
        ("gemini", "PUT", "environments.files.upload"),
        ("gemini", "GET", "environments.files.list"),
        ("gemini", "POST", "webhooks.rotateSigningSecret"),
        ("gemini", "GET", "triggers.executions.list"),
    } <= found
    assert {operation for _, _, operation in found} >= MODEL_IN_BODY
