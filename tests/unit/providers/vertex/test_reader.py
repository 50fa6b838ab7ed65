"""Exchanges with Vertex AI: the shapes of Gemini at paths of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.dialects.base import Parsed
from gemtap.providers.registry import PROVIDERS
from gemtap.providers.vertex.paths import read_path
from tests.unit.providers.exchanges import JSON, SSE, candidate, events, make_exchange, text

PLACE = "/v1beta1/projects/my-project/locations/europe-west4"
CLAUDE = f"{PLACE}/publishers/anthropic/models/claude-4"
STREAM = f"{PLACE}/publishers/google/models/gemini-2.5-pro:streamGenerateContent"
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5, "trafficType": "ON_DEMAND"}


def parse(**fields: Any) -> Parsed:
    return PROVIDERS["vertex"].parse(make_exchange(**fields))


@pytest.mark.parametrize(
    ("method", "path", "operation", "model"),
    [
        (
            "POST",
            f"{PLACE}/publishers/google/models/gemini-2.5-pro:generateContent",
            "generateContent",
            "gemini-2.5-pro",
        ),
        ("POST", "/v1beta1/publishers/google/models/gemini-2.5-pro:countTokens", "countTokens", "gemini-2.5-pro"),
        ("POST", "/v1/publishers/google/models/text-embedding-005:predict", "predict", "text-embedding-005"),
        ("POST", f"{PLACE}/publishers/google/models/veo-3:predictLongRunning", "predictLongRunning", "veo-3"),
        ("POST", "/v1//projects//p//locations//l//publishers//google//models//m%3Apredict", "predict", "m"),
        ("POST", f"{CLAUDE}:rawPredict", "anthropic.rawPredict", "anthropic/claude-4"),
        ("POST", f"{PLACE}/publishers/anthropic/models/count-tokens:rawPredict", "anthropic.count_tokens", None),
        ("POST", f"{PLACE}/publishers/mistralai/models/large:rawPredict", "rawPredict", "mistralai/large"),
        ("POST", f"{PLACE}/endpoints/123:generateContent", "generateContent", "endpoints/123"),
        ("POST", f"{PLACE}/endpoints/openapi/chat/completions", "openai.chat.completions", None),
        ("GET", "/v1beta1/publishers/google/models", "publishers.models.list", None),
        ("GET", "/v1/publishers/google/models/gemini-2.5-pro", "publishers.models.get", "gemini-2.5-pro"),
        ("GET", f"{PLACE}/publishers/google/models/veo-3/operations/o", "publishers.models.operations.get", "veo-3"),
        ("GET", f"{PLACE}/models/456", "models.get", "models/456"),
        ("POST", f"{PLACE}/cachedContents", "cachedContents.create", None),
        ("DELETE", f"{PLACE}/cachedContents/c", "cachedContents.delete", None),
        ("POST", f"{PLACE}/batchPredictionJobs/j:cancel", "batchPredictionJobs.cancel", None),
        ("PATCH", f"{PLACE}/tuningJobs/t", "tuningJobs.update", None),
        ("POST", f"/upload{PLACE}/ragCorpora/c/ragFiles:upload", "ragCorpora.ragFiles.upload", None),
        ("GET", "/v1/projects/p", "projects.get", None),
        ("GET", "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent", "bidiGenerateContent", None),
    ],
)
def test_the_surface(method: str, path: str, operation: str, model: str | None) -> None:
    """Every method of the API has its operation and model."""
    assert read_path(method, path) == (operation, model)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1", "/v1beta/models/m:predict", "/upload/x", "/ws/", f"{PLACE}/models/m:<b>", f"{PLACE}/<b>/x"],
)
def test_what_is_not_of_the_surface_is_unknown(path: str) -> None:
    """Other paths have an unknown operation."""
    assert read_path("POST", path) == ("unknown", None)
    assert read_path("BREW", f"{PLACE}/cachedContents") == ("unknown", None)


@given(
    method=st.sampled_from(["GET", "POST"]),
    segments=st.lists(
        st.sampled_from(["", "v1", "ws", "upload", "projects", "publishers", "models", "endpoints", ":", "a:b"])
        | st.text(max_size=6),
        max_size=8,
    ),
)
def test_any_path_has_an_operation_of_harmless_words(method: str, segments: list[str]) -> None:
    """The operation of any path consists of plain words."""
    operation, model = read_path(method, "/" + "/".join(segments))
    assert all(word.isidentifier() for word in operation.split("."))
    assert model is None or model


def test_a_stream_is_one_answer() -> None:
    """A stream is read as one response."""
    chunks = [
        candidate(text("Ray")) | {"modelVersion": "gemini-2.5-pro"},
        candidate(text("leigh."), finishReason="STOP") | {"usageMetadata": USAGE},
    ]
    parsed = parse(path=STREAM, content_type=SSE, response=events(*chunks), request={"generationConfig": {"topK": 1}})
    assert (parsed.operation, parsed.model, parsed.model_version) == (
        "streamGenerateContent",
        "gemini-2.5-pro",
        "gemini-2.5-pro",
    )
    assert parsed.accumulated == candidate(text("Rayleigh."), finishReason="STOP") | {
        "modelVersion": "gemini-2.5-pro",
        "usageMetadata": USAGE,
    }
    assert (parsed.usage_metadata, parsed.tokens["total"]) == (USAGE, 5)
    assert (parsed.generation_settings, parsed.error) == ({"topK": 1}, None)


def test_a_cache_names_its_model_by_its_whole_path() -> None:
    """The model of a cache may be a full resource name."""
    model = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
    assert parse(path=f"{PLACE}/cachedContents", request={"model": model}).model == "gemini-2.5-flash"


def test_the_openai_path_has_openais_shapes() -> None:
    """The OpenAI path uses the OpenAI dialect."""
    answer = {"choices": [{"message": {"content": "So."}, "finish_reason": "stop"}], "model": "google/gemini-2.5-pro"}
    parsed = parse(
        path=f"{PLACE}/endpoints/openapi/chat/completions",
        request={"model": "google/gemini-2.5-pro", "messages": [{"role": "user", "content": "Why?"}]},
        response=answer,
    )
    assert (parsed.model, parsed.finish_reason) == ("google/gemini-2.5-pro", "stop")


def test_a_stream_of_another_makers_model_is_left_as_it_is() -> None:
    """Streams of models whose format is not known are not accumulated."""
    parsed = parse(
        path=f"{PLACE}/publishers/mistralai/models/large:streamRawPredict",
        content_type=SSE,
        response=b'data: {"object": "chat.completion.chunk"}\n\n',
    )
    assert (parsed.operation, parsed.model) == ("streamRawPredict", "mistralai/large")
    assert (parsed.streaming, parsed.accumulated, parsed.error) == (True, None, None)


def test_an_image_is_asked_for_with_a_prompt_and_parameters() -> None:
    """Image requests have a prompt and parameters."""
    parsed = parse(
        path=f"{PLACE}/publishers/google/models/imagen-4:predict",
        request={"instances": [{"prompt": "A fox."}], "parameters": {"sampleCount": 2}},
        response={"predictions": [{"bytesBase64Encoded": "AAAA", "mimeType": "image/png"}]},
    )
    assert (parsed.generation_settings, parsed.preview["prompt"]) == ({"sampleCount": 2}, "A fox.")


INTERACTION: dict[str, Any] = {
    "id": "v1_abc",
    "status": "completed",
    "model": "gemini-3.6-flash",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Hello"}]}],
    "usage": {
        "total_tokens": 120,
        "total_input_tokens": 50,
        "total_cached_tokens": 10,
        "total_output_tokens": 20,
        "total_tool_use_tokens": 0,
        "total_thought_tokens": 50,
    },
}


def interaction_events() -> bytes:
    finished: dict[str, Any] = {name: INTERACTION[name] for name in ("id", "status", "model", "usage")}
    sent: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_abc", "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hello"}},
        {"event_type": "step.stop", "index": 0},
        {"event_type": "interaction.completed", "interaction": finished},
    ]
    frames = (f"event: {each['event_type']}\ndata: {json.dumps(each)}\n\n" for each in sent)
    return "".join([*frames, "event: done\ndata: [DONE]\n\n"]).encode()


@pytest.mark.parametrize("streamed", [True, False])
def test_interactions_are_read_as_those_of_gemini(*, streamed: bool) -> None:
    """Whole or streamed: steps, tokens and status."""
    parsed = parse(
        path="/v1beta1/projects/p/locations/global/interactions",
        request={"model": "gemini-3.6-flash", "input": "Hi", "previous_interaction_id": "v1_before"},
        response=interaction_events() if streamed else INTERACTION,
        content_type=SSE if streamed else JSON,
    )
    assert (parsed.operation, parsed.finish_reason, parsed.error) == ("interactions.create", "completed", None)
    assert parsed.tokens == {
        "input": 50,
        "cached": 10,
        "cache_write": None,
        "output": 20,
        "reasoning": 50,
        "tool_use": 0,
        "total": 120,
    }
    answer: Any = parsed.accumulated if streamed else INTERACTION
    assert answer["steps"] == INTERACTION["steps"]
    dialect = PROVIDERS["vertex"].reader.dialect("interactions.create", is_session=False)
    assert dialect is not None
    asked = {"previous_interaction_id": "v1_before"}
    conversation = dialect.conversation("interactions.create", asked, answer)
    assert conversation is not None
    assert (conversation.id, conversation.previous) == ("v1_abc", "v1_before")
