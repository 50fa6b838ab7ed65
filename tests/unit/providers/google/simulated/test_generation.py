"""What models say, count and embed."""

from __future__ import annotations

import json
from math import hypot
from typing import Any

import pytest

from tests.unit.providers.google.simulated.asking import CONTENTS, MODEL, WEATHER, Api, parts_of, text_of

TOOLS = [{"functionDeclarations": [WEATHER]}]
SHOW_THOUGHTS = {"thinkingConfig": {"includeThoughts": True}}


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_every_version_generates(api: Api, version: str) -> None:
    """Every version of the API generates content."""
    reply = api.post(f"/{version}/models/{MODEL}:generateContent", {"contents": CONTENTS})
    assert reply.status == 200
    assert reply.json["modelVersion"] == MODEL
    assert reply.begin.length == len(reply.body)


def test_the_same_request_gets_the_same_answer_and_another_gets_another(api: Api) -> None:
    """Answers are deterministic."""
    assert api.generate() == api.generate()
    other = [{"role": "user", "parts": [{"text": "Why is grass green?"}]}]
    assert api.generate()["responseId"] != api.generate(contents=other)["responseId"]


def test_sse_frames_end_as_googles_do(api: Api) -> None:
    """Frames end with CRLF like Google's."""
    reply = api.stream()
    assert reply.begin.content_type == "text/event-stream"
    assert reply.begin.length is None
    assert len(reply.pieces) > 2
    assert all(piece.startswith(b"data: {") and piece.endswith(b"}\r\n\r\n") for piece in reply.pieces)


@pytest.mark.parametrize("query", ["", "?alt=json", "?%24alt=json%3Benum-encoding%3Dint"])
def test_without_alt_sse_a_stream_is_one_json_array(api: Api, query: str) -> None:
    """Without `alt=sse`, a stream is one JSON array."""
    reply = api.stream(query=query)
    assert reply.begin.content_type.startswith("application/json")
    assert reply.body.startswith(b"[{")
    assert reply.body.endswith(b"\r\n]")
    assert len(reply.json) == len(reply.pieces)
    assert text_of(reply.json) == text_of(api.stream().events)


def test_enums_are_numbers_where_the_query_asks_for_it(api: Api) -> None:
    """The query can request integer enums."""
    query = "?%24alt=json%3Benum-encoding%3Dint"
    last = api.stream(query=query).json[-1]
    assert last["candidates"][0]["finishReason"] == 1
    assert last["usageMetadata"]["promptTokensDetails"][0]["modality"] == 1
    assert (
        api.post(f"/v1/models/{MODEL}:generateContent{query}", {"contents": CONTENTS}).json["candidates"][0][
            "finishReason"
        ]
        == 1
    )


def test_only_the_last_chunk_of_a_stream_is_finished(api: Api) -> None:
    """Only the last chunk has a finish reason."""
    reasons = [event["candidates"][0].get("finishReason") for event in api.stream().events]
    assert reasons == [None] * (len(reasons) - 1) + ["STOP"]


def test_chunks_come_at_the_pace() -> None:
    """Chunks come at the configured rate."""
    reply = Api(pace=0.5).stream()
    assert reply.pauses == [0.5] * (len(reply.pieces) - 1)


@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-pro"])
@pytest.mark.parametrize("tools", [[], TOOLS])
def test_usage_adds_up(api: Api, model: str, tools: list[Any]) -> None:
    """The counts of the usage add up."""
    events = api.stream(model, tools=tools, generationConfig=SHOW_THOUGHTS).events
    for event in events:
        usage = event["usageMetadata"]
        spent = usage["promptTokenCount"] + usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        assert usage["totalTokenCount"] == spent
        assert sum(each["tokenCount"] for each in usage["promptTokensDetails"]) == usage["promptTokenCount"]
    whole = api.generate(model, tools=tools, generationConfig=SHOW_THOUGHTS)["usageMetadata"]
    assert events[-1]["usageMetadata"]["candidatesTokenCount"] == whole["candidatesTokenCount"] > 0


def test_thoughts_come_before_the_answer_and_are_signed_after_it(api: Api) -> None:
    """Thoughts come first, and the signature last."""
    parts = parts_of(api.stream("gemini-2.5-pro", generationConfig=SHOW_THOUGHTS).events)
    thoughts = [bool(part.get("thought")) for part in parts]
    assert thoughts == sorted(thoughts, reverse=True)
    assert thoughts[0]
    assert parts[-1]["text"] == ""
    assert parts[-1]["thoughtSignature"]


def test_thoughts_can_be_hidden_and_are_counted_all_the_same(api: Api) -> None:
    """Hidden thoughts are counted."""
    hidden = api.generate("gemini-2.5-pro", generationConfig={"thinkingConfig": {"includeThoughts": False}})
    assert not any(part.get("thought") for part in parts_of([hidden]))
    assert hidden["usageMetadata"]["thoughtsTokenCount"] > 0
    none = api.generate(generationConfig={"thinkingConfig": {"thinkingBudget": 0}})
    assert "thoughtsTokenCount" not in none["usageMetadata"]


def test_a_declared_function_is_called_with_arguments_that_fit(api: Api) -> None:
    """A declared function is called with valid arguments."""
    (part,) = parts_of([api.generate(tools=TOOLS)])
    assert part["functionCall"]["name"] == "weather"
    assert isinstance(part["functionCall"]["args"]["city"], str)


def test_calls_of_gemini_3_have_ids_and_of_parallel_calls_only_the_first_is_signed(api: Api) -> None:
    """Calls of Gemini 3 have ids, and the first has a signature."""
    contents = [{"role": "user", "parts": [{"text": "Do both"}]}]
    *_, first, second = parts_of([api.generate("gemini-3-pro-preview", contents=contents, tools=TOOLS)])
    assert first["functionCall"]["id"] != second["functionCall"]["id"]
    assert "thoughtSignature" in first
    assert "thoughtSignature" not in second


def test_the_result_of_a_call_is_spoken_about(api: Api) -> None:
    """The answer refers to the result of a call."""
    response = {"name": "weather", "response": {"result": "sunny"}}
    contents = [
        *CONTENTS,
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": response}]},
    ]
    assert "sunny" in text_of([api.generate(contents=contents, tools=TOOLS)])


def test_no_function_is_called_where_that_is_forbidden(api: Api) -> None:
    """The mode NONE prevents calls."""
    answer = api.generate(tools=TOOLS, toolConfig={"functionCallingConfig": {"mode": "NONE"}})
    assert text_of([answer])


def test_json_is_made_to_the_schema(api: Api) -> None:
    """JSON answers follow the schema."""
    schema = {"type": "OBJECT", "properties": {"count": {"type": "INTEGER"}, "unit": {"enum": ["m", "ft"]}}}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    value = json.loads(text_of([api.generate(generationConfig=config)]))
    assert isinstance(value["count"], int)
    assert value["unit"] in ("m", "ft")


def test_a_blocked_prompt_has_no_candidates(api: Api) -> None:
    """A blocked prompt has no candidates."""
    blocked = api.generate(contents=[{"role": "user", "parts": [{"text": "BLOCKME"}]}])
    assert blocked["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in blocked


def test_a_long_earlier_part_of_a_conversation_is_cached(api: Api) -> None:
    """A long history counts as cached."""
    long = {"role": "user", "parts": [{"text": "word " * 2_000}]}
    contents = [long, {"role": "model", "parts": [{"text": "Yes."}]}, *CONTENTS]
    usage = api.stream(contents=contents).events[-1]["usageMetadata"]
    assert 2_000 < usage["cachedContentTokenCount"] < usage["promptTokenCount"]


def test_counting_tokens_agrees_with_what_a_prompt_costs(api: Api) -> None:
    """`countTokens` agrees with the usage."""
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    contents = [{"role": "user", "parts": [{"text": "What is this?"}, image]}]
    target = f"/v1beta/models/{MODEL}:countTokens"
    counted = api.post(target, {"contents": contents}).json
    assert counted["totalTokens"] == api.generate(contents=contents)["usageMetadata"]["promptTokenCount"]
    assert {each["modality"] for each in counted["promptTokensDetails"]} == {"TEXT", "IMAGE"}
    assert api.post(target, {"generateContentRequest": {"contents": contents}}).json == counted


def test_embeddings_have_length_one_and_depend_on_the_text(api: Api) -> None:
    """Embeddings are normalized and depend on the text."""
    target = "/v1beta/models/gemini-embedding-001"
    content = {"content": {"parts": [{"text": "one"}]}}
    values = api.post(f"{target}:embedContent", content).json["embedding"]["values"]
    assert len(values) == 3072
    assert hypot(*values) == pytest.approx(1, abs=1e-4)
    other = {"content": {"parts": [{"text": "two"}]}, "outputDimensionality": 64}
    both = api.post(f"{target}:batchEmbedContents", {"requests": [content, other]}).json["embeddings"]
    assert both[0]["values"] == values
    assert len(both[1]["values"]) == 64
    assert both[1]["values"] != values[:64]


def test_models_come_in_pages(api: Api) -> None:
    """Models are listed in pages."""
    everything = api.get("/v1beta/models").json
    assert "nextPageToken" not in everything
    names, token = [], ""
    while token is not None:
        page = api.get(f"/v1beta/models?pageSize=4&pageToken={token}").json
        names += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken")
    assert names == [model["name"] for model in everything["models"]]
    assert len(set(names)) == len(names) > 4


@pytest.mark.parametrize("query", ["pageSize=many", "pageSize=-1", "pageToken=nowhere"])
def test_a_page_that_is_none_is_refused(api: Api, query: str) -> None:
    """An invalid page token is rejected."""
    assert api.get(f"/v1beta/models?{query}").error["status"] == "INVALID_ARGUMENT"


def test_a_model_can_be_looked_up(api: Api) -> None:
    """A model can be retrieved."""
    assert api.get(f"/v1beta/models/{MODEL}").json["name"] == f"models/{MODEL}"
    assert "predict" in api.get("/v1beta/models/imagen-4.0-generate-001").json["supportedGenerationMethods"]


@pytest.mark.parametrize(
    "target",
    [
        f"/v1beta1/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse",
        f"/v1beta1/projects/p/locations/global/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse",
        f"/v1/projects/p/locations/us-central1/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse",
    ],
)
def test_vertex_paths_give_the_same_stream(api: Api, target: str) -> None:
    """Paths of Vertex AI give the same stream."""
    reply = api.post(target, {"contents": CONTENTS}, key=None, headers={"authorization": "Bearer token"})
    assert reply.body == api.stream().body
