"""Requests that get an error."""

from __future__ import annotations

import pytest

from gemtap.providers.google.simulated.faults import FAULTS
from tests.unit.providers.google.simulated.asking import CONTENTS, MODEL, Api

GENERATE = f"/v1beta/models/{MODEL}:generateContent"


def test_a_request_without_a_key_is_refused(api: Api) -> None:
    """A request without a key is refused."""
    reply = api.post(GENERATE, {"contents": CONTENTS}, key=None)
    assert reply.status == reply.error["code"] == 403
    assert reply.error["status"] == "PERMISSION_DENIED"


def test_a_bad_key_is_refused_with_the_reason(api: Api) -> None:
    """An invalid key is refused with a reason."""
    error = api.post(GENERATE, {"contents": CONTENTS}, key="invalid").error
    assert (error["code"], error["details"][0]["reason"]) == (400, "API_KEY_INVALID")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"{GENERATE}?key=any", {}),
        (f"{GENERATE}?access_token=any", {}),
        (GENERATE, {"authorization": "Bearer any"}),
    ],
)
def test_every_kind_of_credential_will_do(api: Api, target: str, headers: dict[str, str]) -> None:
    """All kinds of credentials are accepted."""
    assert api.post(target, {"contents": CONTENTS}, key=None, headers=headers).status == 200


@pytest.mark.parametrize("model", ["gpt-4o", "no-such-model"])
def test_an_unknown_model_is_not_found(api: Api, model: str) -> None:
    """An unknown model is not found."""
    error = api.post(f"/v1/models/{model}:generateContent", {"contents": CONTENTS}).error
    assert error["code"] == 404
    assert f"models/{model} is not found for API version v1" in error["message"]
    assert api.get(f"/v1beta/models/{model}").status == 404


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/v9/models"), ("DELETE", f"/v1beta/models/{MODEL}"), ("GET", "/")]
)
def test_an_unknown_path_is_not_found(api: Api, method: str, target: str) -> None:
    """An unknown path is not found."""
    assert api.ask(method, target).error["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"contents": [}', "Unexpected token"),
        (b"[]", "Root element must be a message"),
        (b"[" * 100_000, "Unexpected token"),
        (b"{}", "contents is not specified"),
    ],
)
def test_a_body_that_is_not_as_it_should_be(api: Api, body: bytes, said: str) -> None:
    """An invalid body is rejected."""
    error = api.post(GENERATE, body).error
    assert error["status"] == "INVALID_ARGUMENT"
    assert said in error["message"]


@pytest.mark.parametrize(
    ("model", "code", "status"),
    [
        ("error-400", 400, "INVALID_ARGUMENT"),
        ("error-403", 403, "PERMISSION_DENIED"),
        ("error-404", 404, "NOT_FOUND"),
        ("error-429", 429, "RESOURCE_EXHAUSTED"),
        ("error-500", 500, "INTERNAL"),
        ("error-503", 503, "UNAVAILABLE"),
    ],
)
def test_models_that_are_errors(api: Api, model: str, code: int, status: str) -> None:
    """Some models answer with errors."""
    sse, array = api.stream(model), api.stream(model, query="")
    assert sse.status == array.status == code
    assert sse.error == array.error
    assert api.post(f"/v1beta/models/{model}:countTokens", {}).status == code
    assert sse.error["status"] == status
    # In an array where a stream of one was asked for, and never in a frame.
    assert (sse.body[:1], array.body[:1]) == (b"{", b"[")


def test_the_error_of_a_quota_says_when_to_try_again(api: Api) -> None:
    """A quota error has a retry delay."""
    kinds = [each["@type"].rpartition(".")[2] for each in api.stream("error-429").error["details"]]
    assert kinds == ["QuotaFailure", "Help", "RetryInfo"]


def test_an_error_can_repeat_the_key(api: Api) -> None:
    """An error may repeat the key."""
    reply = api.post("/v1beta/models/error-echo-key:generateContent", {}, key="secret-123")
    assert "secret-123" in reply.error["message"]


@pytest.mark.parametrize(("query", "last"), [("?alt=sse", b"data: {"), ("", b"\r\n,{")])
def test_an_error_amid_a_stream(api: Api, query: str, last: bytes) -> None:
    """A stream may contain an error."""
    reply = api.stream("fault-midstream-error", query)
    assert reply.status == 200
    assert reply.ends_properly
    assert len(reply.pieces) == 3
    assert reply.pieces[-1].startswith(last)
    assert b'"INTERNAL"' in reply.pieces[-1]


def test_a_bare_error_amid_a_stream_has_no_frame(api: Api) -> None:
    """A bare error in a stream has no frame."""
    assert api.stream("fault-midstream-bare").pieces[-1].startswith(b'{\n  "error"')
    assert api.stream("fault-midstream-bare", query="").json[-1]["error"]["code"] == 500


@pytest.mark.parametrize("model", ["fault-midstream-error", "fault-midstream-bare"])
def test_an_error_amid_an_answer_in_one_piece_is_instead_of_it(api: Api, model: str) -> None:
    """Without streaming, the error replaces the response."""
    assert api.generate(model)["error"]["code"] == 500


@pytest.mark.parametrize("model", ["fault-disconnect", "fault-stall"])
def test_faults_after_the_beginning(api: Api, model: str) -> None:
    """Responses may fail after their beginning."""
    reply = api.stream(model)
    assert len(reply.pieces) == 2
    assert not reply.ends_properly
    halved = api.post(f"/v1beta/models/{model}:generateContent", {"contents": CONTENTS})
    assert halved.begin.length is not None
    assert 0 < len(halved.body) < halved.begin.length
    assert not halved.ends_properly


@pytest.mark.parametrize("model", ["fault-disconnect-early", "fault-silent"])
def test_faults_before_the_beginning(api: Api, model: str) -> None:
    """Responses may fail before their beginning."""
    assert len(api.stream(model).script) == 1
    assert not api.stream(model).ends_properly


def test_an_answer_without_a_reason_why_it_ended(api: Api) -> None:
    """A response may lack its finish reason."""
    assert all("finishReason" not in event["candidates"][0] for event in api.stream("fault-no-finish").events)


def test_an_answer_that_was_too_long(api: Api) -> None:
    """A response may end with MAX_TOKENS."""
    assert api.stream("fault-max-tokens").events[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_what_is_said_to_be_json_and_is_not(api: Api) -> None:
    """A response may be invalid JSON."""
    reply = api.stream("fault-garbage")
    assert reply.begin.content_type.startswith("application/json")
    with pytest.raises(ValueError, match="codec"):
        reply.body.decode("utf-8")


def test_a_content_length_that_is_too_large(api: Api) -> None:
    """A response may have a wrong Content-Length."""
    reply = api.stream("fault-truncated-length")
    assert reply.begin.length == len(reply.body) + 1_000
    assert not reply.ends_properly


def test_an_answer_that_is_late(api: Api) -> None:
    """A response may be late."""
    assert api.stream("fault-slow").pauses == [1.0]


def test_an_empty_answer(api: Api) -> None:
    """A response may be empty."""
    assert (api.stream("fault-empty").status, api.stream("fault-empty").body) == (200, b"")


@pytest.mark.parametrize("model", sorted(FAULTS))
def test_faulty_models_do_the_rest_well(api: Api, model: str) -> None:
    """Faulty models answer other operations."""
    assert api.post(f"/v1beta/models/{model}:countTokens", {"contents": CONTENTS}).json["totalTokens"] > 0
