"""Recorded answers of the real API are read as adding up their raw frames says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gemtap.conversation.preview import preview_of
from gemtap.dialects.base import Parsed
from gemtap.dialects.gemini_content.conversation import read
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.routing import match, origin_of
from gemtap.settings import Providers
from tests.unit.providers.exchanges import INTERACTIONS, JSON, SSE, STREAM, array, events, make_exchange, parse

FOLDER = os.environ.get("GEMTAP_TEST_RECORDINGS")

pytestmark = pytest.mark.skipif(FOLDER is None, reason="GEMTAP_TEST_RECORDINGS names no folder of recordings")


def recordings(name: str) -> Any:
    return json.loads((Path(FOLDER) / name).read_text()) if FOLDER is not None else []


def raw_frames(body: str) -> list[Any]:
    """The objects of a recorded body: of its `data:` lines, or of the one JSON value that it is."""
    lines = [line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:")]
    if lines:
        return [json.loads(line) for line in lines if line != "[DONE]"]
    value = json.loads(body)
    return value if isinstance(value, list) else [value]


def added_up(frames: list[Any]) -> dict[str, Any]:
    """What frames say of their first candidate, by adding up alone: no accumulating."""
    candidates = [each for frame in frames for each in frame.get("candidates", [])[:1]]
    parts = [part for each in candidates for part in each.get("content", {}).get("parts", [])]
    return {
        "text": "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        "thoughts": "".join(part["text"] for part in parts if "text" in part and part.get("thought")),
        "calls": [part["functionCall"] for part in parts if "functionCall" in part],
        "code": [part for part in parts if part.keys() & {"executableCode", "codeExecutionResult", "inlineData"}],
        "signatures": {part["thoughtSignature"] for part in parts if "thoughtSignature" in part},
        "finish": [each["finishReason"] for each in candidates if each.get("finishReason")][-1:],
        "usage": [frame["usageMetadata"] for frame in frames if frame.get("usageMetadata")][-1:],
        "model": [frame["modelVersion"] for frame in frames if frame.get("modelVersion")][-1:],
    }


def check_generated(parsed: Parsed, response: Any, frames: list[Any]) -> None:
    expected = added_up(frames)
    usage = (expected["usage"] or [{}])[0]
    assert added_up([response]) == expected
    assert (parsed.usage_metadata or {}) == usage
    assert parsed.model_version == (expected["model"] or [None])[0]
    assert parsed.error is None
    assert parsed.tokens["total"] == usage.get("totalTokenCount")
    assert parsed.tokens["input"] == usage.get("promptTokenCount")
    finish = (expected["finish"] or [None])[0]
    assert parsed.finish_reason == {1: "STOP"}.get(finish, finish)


def generating() -> Iterator[Any]:
    for number, each in enumerate(recordings("gemini-http.json")):
        if "enerateContent" in each["path"]:
            yield pytest.param(each, id=f"{number}-{each['name']}")


@pytest.mark.parametrize("recorded", list(generating()))
def test_a_recorded_exchange_is_read_as_it_was(recorded: Any) -> None:
    """Recorded exchanges of the real API are read."""
    body = recorded["response_body"]
    route = match(recorded["path"].encode())
    assert route is not None
    assert origin_of(route, Providers().upstreams()) == f"https://{recorded['host']}"
    parsed = PROVIDERS[route.provider].parse(
        make_exchange(
            method=recorded["method"],
            path=route.path.decode(),
            request=recorded["request_body"].encode(),
            content_type=SSE if body.startswith("data:") else JSON,
            response=body.encode(),
        )
    )
    check_generated(parsed, parsed.accumulated if parsed.streaming else json.loads(body), raw_frames(body))
    assert parsed.streaming is body.startswith("data:")
    assert parsed.generation_settings == json.loads(recorded["request_body"]).get("generationConfig")
    assert f"/models/{parsed.model}:{parsed.operation}" in recorded["path"]
    preview = preview_of(read(json.loads(recorded["request_body"]), parsed.accumulated or json.loads(body)))
    assert preview["prompt"]
    assert preview["answer"] or not added_up(raw_frames(body))["text"]


def cli_calls() -> Iterator[Any]:
    for session in recordings("gemini-cli-streams.json"):
        for number, each in enumerate(session["calls"]):
            yield pytest.param(each["response"], id=f"{session['name']}-{number}-{each['method']}")


@pytest.mark.parametrize(("frame", "content_type"), [(events, SSE), (array, JSON)])
@pytest.mark.parametrize("response", list(cli_calls()))
def test_what_a_cli_has_received_amounts_to_what_it_has_said(response: Any, frame: Any, content_type: str) -> None:
    """In the framing of events or of an array; whole answers are streams of one chunk."""
    chunks = response if isinstance(response, list) else [response]
    parsed = parse(path=STREAM, content_type=content_type, response=frame(*chunks))
    check_generated(parsed, parsed.accumulated, chunks)


def interactions() -> Iterator[Any]:
    for number, each in enumerate(recordings("gemini-http.json")):
        if each["path"] == INTERACTIONS:
            yield pytest.param(each, id=f"{number}-{each['name']}")


@pytest.mark.parametrize("recorded", list(interactions()))
def test_a_recorded_interaction_is_read_as_it_was(recorded: Any) -> None:
    """Recorded interactions of the real API are read."""
    body = recorded["response_body"]
    (content_type,) = recorded["response_headers"]["content-type"]
    request = json.loads(recorded["request_body"])
    parsed = parse(path=INTERACTIONS, request=request, content_type=content_type, response=body.encode())
    frames = raw_frames(body)
    deltas = [frame["delta"] for frame in frames if "delta" in frame]
    last = frames[-1].get("interaction", frames[-1])
    interaction = parsed.accumulated if parsed.streaming else frames[0]
    steps = interaction.get("steps", [])

    assert parsed.streaming is (content_type == SSE)
    assert (parsed.operation, parsed.model, parsed.error) == ("interactions.create", request.get("model"), None)
    assert (parsed.model_version, parsed.usage_metadata) == (last.get("model"), last.get("usage"))
    assert parsed.tokens["total"] == last.get("usage", {}).get("total_tokens")
    assert parsed.finish_reason == (None if last["status"] == "in_progress" else last["status"])
    assert parsed.generation_settings == request.get("generation_config")
    if parsed.streaming:
        contents = [content for step in steps for content in step.get("content", [])]
        assert "".join(each["text"] for each in contents) == "".join(each.get("text", "") for each in deltas)
        signatures = [each["signature"] for each in deltas if "signature" in each]
        assert [step["signature"] for step in steps if "signature" in step] == signatures
        assert [step["type"] for step in steps] == [frame["step"]["type"] for frame in frames if "step" in frame]
        assert interaction["id"] == last["id"]


def others() -> Iterator[Any]:
    for number, each in enumerate(recordings("gemini-http.json")):
        if "enerateContent" not in each["path"] and each["path"] != INTERACTIONS:
            yield pytest.param(each, id=f"{number}-{each['name']}")


@pytest.mark.parametrize("recorded", list(others()))
def test_a_recorded_answer_of_another_kind_is_read_as_it_was(recorded: Any) -> None:
    """Recorded responses of other operations are read."""
    body = recorded["response_body"]
    parsed = parse(
        method=recorded["method"],
        path=recorded["path"],
        request=recorded["request_body"].encode(),
        response=body.encode(),
    )
    assert parsed.operation in ("batchEmbedContents", "cachedContents.create")
    assert parsed.model is not None
    assert parsed.model in recorded["path"] + recorded["request_body"]
    assert parsed.usage_metadata == json.loads(body).get("usageMetadata")
    assert (parsed.streaming, parsed.error, parsed.finish_reason) == (False, None, None)
