"""Pictures, films and music that were asked for with a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.conversation.model import Media, Message, Other, Part, Text
from gemtap.dialects.gemini_content.dialect import GEMINI_CONTENT


def read(operation: str, request: Any, response: Any) -> tuple[Message, ...] | None:
    conversation = GEMINI_CONTENT.conversation(operation, request, response)
    return None if conversation is None else conversation.messages


ASKED = {"instances": [{"prompt": "A fox."}]}


@pytest.mark.parametrize(
    ("operation", "response", "made"),
    [
        (
            "predict",
            {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "AAAA"}, {"bytesBase64Encoded": "BBBB"}]},
            (Media("image/png", base64="AAAA"), Media("image/png", base64="BBBB")),
        ),
        (
            "predict",
            {"predictions": [{"gcsUri": "gs://b/fox.png", "mimeType": "image/png"}, {"raiFilteredReason": "no"}]},
            (Media("image/png", "gs://b/fox.png"), Other("raiFilteredReason", "no")),
        ),
        ("predict", {"predictions": [{"audioContent": "AAAA"}]}, (Media("audio/wav", base64="AAAA"),)),
        (
            "predictLongRunning",
            {"name": "models/veo/operations/x"},
            (Other("operation", "models/veo/operations/x"),),
        ),
    ],
)
def test_what_was_made_is_the_answer_to_the_prompt(operation: str, response: Any, made: tuple[Part, ...]) -> None:
    """Imagen, Lyria, and the operation by which a film is fetched later."""
    assert read(operation, ASKED, response) == (Message("user", (Text("A fox."),)), Message("model", made))


@pytest.mark.parametrize(
    ("operation", "result", "film"),
    [
        (
            "operations.get",
            {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": "https://g.example/v.mp4"}}]}},
            Media("video/mp4", "https://g.example/v.mp4"),
        ),
        (
            "fetchPredictOperation",
            {"videos": [{"gcsUri": "gs://b/v.mp4", "mimeType": "video/mp4"}]},
            Media("video/mp4", "gs://b/v.mp4"),
        ),
        (
            "models.operations.get",
            {"videos": [{"bytesBase64Encoded": "AAAA", "mimeType": "video/webm"}]},
            Media("video/webm", base64="AAAA"),
        ),
    ],
)
def test_a_film_is_fetched_as_the_result_of_an_operation(operation: str, result: Any, film: Media) -> None:
    """Gemini and Vertex AI have it in different places."""
    assert read(operation, None, {"name": "x", "done": True, "response": result}) == (Message("model", (film,)),)


def test_pictures_that_a_prompt_comes_with_are_part_of_it() -> None:
    """The first frame of a film, or a picture to be changed."""
    instance = {"prompt": "Wave.", "image": {"bytesBase64Encoded": "AAAA", "mimeType": "image/jpeg"}}
    messages = read("predictLongRunning", {"instances": [instance]}, None)
    assert messages == (Message("user", (Text("Wave."), Media("image/jpeg", base64="AAAA"))),)


@pytest.mark.parametrize(
    ("operation", "asked", "response"),
    [
        ("predict", {"instances": [{"content": "embed"}]}, {"predictions": [{"embeddings": {"values": [0.1]}}]}),
        ("operations.get", None, {"name": "x", "done": False}),
        ("operations.get", None, {"name": "x", "done": True, "response": {"inlinedResponses": []}}),
        ("countTokens", ASKED, {"totalTokens": 3}),
        ("predict", None, None),
    ],
)
def test_other_predictions_and_operations_are_no_conversations(operation: str, asked: Any, response: Any) -> None:
    """Embeddings, batches, and operations that are not done."""
    assert read(operation, asked, response) is None
