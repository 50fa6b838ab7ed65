"""Older completions, and models that stand in a form."""

from __future__ import annotations

from typing import Any

from gemtap.providers.documents import conversation_of
from tests.contract.openai_examples import events
from tests.unit.providers.openai.recording import document_of


def test_a_streamed_completion_of_a_text() -> None:
    """Its choices have texts in the place of messages."""
    pieces = [
        {"object": "text_completion", "model": "m", "choices": [{"index": 0, "text": text, "finish_reason": reason}]}
        for text, reason in (("Air ", None), ("scatters it.", "stop"))
    ]
    document = document_of("/v1/completions", events(*pieces), request={"model": "m", "prompt": "The sky is blue:"})
    body: Any = document["response"] and document["response"]["body"]
    assert body["choices"] == [{"index": 0, "text": "Air scatters it.", "finish_reason": "stop"}]
    assert document["error"] is None
    assert document["preview"] == {"prompt": "The sky is blue:", "answer": "Air scatters it."}
    conversation = conversation_of(document)
    assert conversation is not None
    assert [message.role for message in conversation.messages] == ["user", "model"]


def test_the_model_of_a_form() -> None:
    """Files are sent with the model as a field beside them."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n'
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-transcribe\r\n--x--\r\n'
    )
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18}
    details = {"input_token_details": {"audio_tokens": 14, "text_tokens": 0}}
    document = document_of(
        "/v1/audio/transcriptions",
        {"text": "Hello.", "usage": {**usage, **details}},
        request=form,
        request_type="multipart/form-data; boundary=x",
    )
    assert document["model"] == "gpt-4o-transcribe"
    assert document["cost"] is not None
    assert round(document["cost"]["usd"] or 0, 9) == round((14 * 6 + 4 * 10) / 1_000_000, 9)
