"""Code Assist's methods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.providers.google.simulated.asking import CONTENTS, MODEL, Api

REQUEST = {"model": MODEL, "project": "p", "user_prompt_id": "u", "request": {"contents": CONTENTS}}


def call(api: Api, method: str, body: Any) -> Any:
    return api.post(f"/v1internal:{method}", body, key=None, headers={"authorization": "Bearer token"})


def test_what_comes_before_the_first_prompt(api: Api) -> None:
    """The simulated API answers the calls before the first prompt."""
    loaded = call(api, "loadCodeAssist", {"metadata": {"pluginType": "GEMINI"}}).json
    assert loaded["currentTier"]["id"] == "standard-tier"
    assert loaded["cloudaicompanionProject"]
    assert call(api, "loadCodeAssist", {"cloudaicompanionProject": "mine"}).json["cloudaicompanionProject"] == "mine"
    assert call(api, "onboardUser", {"tierId": "standard-tier"}).json["done"]
    assert MODEL in [bucket["modelId"] for bucket in call(api, "retrieveUserQuota", {}).json["buckets"]]
    assert call(api, "listExperiments", {}).json == {"experimentIds": [], "flags": []}
    assert call(api, "fetchAdminControls", {}).json == {}


def test_an_answer_is_geminis_in_an_envelope(api: Api) -> None:
    """A response is Gemini's in an envelope."""
    answer = call(api, "generateContent", REQUEST).json
    assert answer["response"] == api.generate()
    assert answer["traceId"] == answer["response"]["responseId"]


def test_a_stream_is_geminis_in_envelopes(api: Api) -> None:
    """Each chunk of a stream has an envelope."""
    events = call(api, "streamGenerateContent?alt=sse", REQUEST).events
    assert [event["response"] for event in events] == api.stream().events


def test_tokens_are_counted(api: Api) -> None:
    """Tokens are counted."""
    counted = call(api, "countTokens", {"request": {"model": f"models/{MODEL}", "contents": CONTENTS}}).json
    assert counted == {"totalTokens": api.generate()["usageMetadata"]["promptTokenCount"]}


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("generateContent", {**REQUEST, "model": "error-429"}, 429),
        ("streamGenerateContent", {**REQUEST, "model": "gpt-4o"}, 404),
        ("generateContent", {"model": MODEL}, 400),
        ("dance", {}, 404),
    ],
)
def test_errors(api: Api, method: str, body: Any, status: int) -> None:
    """Errors have Google's format."""
    reply = call(api, method, body)
    assert reply.status == reply.error["code"] == status


def test_faults_go_wrong_in_the_envelope_too(api: Api) -> None:
    """Simulated faults work within envelopes."""
    events = call(api, "streamGenerateContent?alt=sse", {**REQUEST, "model": "fault-max-tokens"}).events
    assert events[-1]["response"]["candidates"][0]["finishReason"] == "MAX_TOKENS"
