"""Streams of images, transcripts and sound."""

from __future__ import annotations

from typing import Any

import pytest

from gemtap.interaction import Interaction
from tests.contract.openai_examples import events
from tests.unit.providers.openai.recording import document_of

USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30, "input_tokens_details": {"text_tokens": 10}}


def streamed(path: str, *values: Any) -> Interaction:
    """The document of a streamed answer."""
    return document_of(f"/v1/{path}", events(*values), request={"model": "gpt-image-1", "prompt": "A cat."})


@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_a_picture_that_comes_in_parts(kind: str) -> None:
    """The finished picture is the answer; those before it are in the stream's bytes."""
    document = streamed(
        "images/generations" if kind == "image_generation" else "images/edits",
        {"type": f"{kind}.partial_image", "b64_json": "AA==", "partial_image_index": 0},
        {"type": f"{kind}.completed", "b64_json": "AAAA", "size": "1x1", "usage": USAGE},
    )
    assert document["response"] is not None
    assert document["response"]["body"] == {"size": "1x1", "usage": USAGE, "data": [{"b64_json": "AAAA"}]}
    assert document["tokens"]["total"] == 30
    assert document["cost"] is not None
    assert document["timing"]["first_token_ms"] is not None


def test_a_transcript_that_comes_in_pieces() -> None:
    """The last event has all of the text; without it, the pieces are what was heard."""
    pieces = [{"type": "transcript.text.delta", "delta": text} for text in ("Hello ", "there.")]
    done = {"type": "transcript.text.done", "text": "Hello there.", "usage": USAGE}
    for values in ([*pieces, done], pieces):
        document = streamed("audio/transcriptions", *values)
        body: Any = document["response"] and document["response"]["body"]
        assert body["text"] == "Hello there."


def test_sound_that_comes_in_pieces_has_its_usage() -> None:
    """The sound itself stays in the stream's bytes."""
    document = streamed(
        "audio/speech", {"type": "speech.audio.delta", "audio": "AAAA"}, {"type": "speech.audio.done", "usage": USAGE}
    )
    assert document["tokens"]["output"] == 20
