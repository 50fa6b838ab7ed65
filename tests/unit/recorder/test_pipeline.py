"""What recording one exchange costs: its bodies are parsed once, and what was said is read once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from gemtap.dialects.gemini_content.dialect import GeminiContent
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assembling import Assembler
from gemtap.recorder.redact import Redactor
from gemtap.recorder.waiting import CaptureFile
from tests.captures import make_capture

pytestmark = pytest.mark.anyio

ASKED = b'{"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}'
ANSWER = b'{"candidates": [{"content": {"parts": [{"text": "Rayleigh."}]}, "finishReason": "STOP"}]}'


@pytest.mark.parametrize("redactor", [None, Redactor(["swordfish"], known_secrets=True)], ids=["plain", "redacting"])
async def test_each_body_is_parsed_once_and_the_conversation_is_read_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redactor: Redactor | None
) -> None:
    """Context, preview, thread and search text are all made of the same conversation."""
    parsed, read = Counter[str](), Counter[str]()
    loads, conversation = json.loads, GeminiContent.conversation

    def counted_loads(text: Any, **options: Any) -> Any:
        parsed[text if isinstance(text, str) else text.decode()] += 1
        return loads(text, **options)

    def counted_conversation(self: GeminiContent, operation: str, request: Any, response: Any) -> Any:
        read[operation] += 1
        return conversation(self, operation, request, response)

    monkeypatch.setattr(json, "loads", counted_loads)
    monkeypatch.setattr(GeminiContent, "conversation", counted_conversation)
    id_ = ObjectId()
    path = tmp_path / f"{id_}.capture"
    path.write_bytes(make_capture(request=[(1, ASKED)], response=[(2, ANSWER)]))
    assembler = Assembler({"gemini": PROVIDERS["gemini"]}, redactor)
    (assembled,) = await assembler.assemble([CaptureFile(path, path.stat().st_size)])
    assert assembled.record is not None
    assert assembled.fingerprint is not None
    assert assembled.record.document["preview"] == {"prompt": "Why is the sky blue?", "answer": "Rayleigh."}
    (text,) = await assembler.new_texts([assembled.record])
    assert text.split("\n") == ["Rayleigh.", "Why is the sky blue?"]
    assert parsed == {ASKED.decode(): 1, ANSWER.decode(): 1}
    assert read == {"generateContent": 1}


async def test_texts_of_other_documents_are_made_of_their_bodies(tmp_path: Path) -> None:
    """What is stored already is read again, whatever was assembled before."""
    path = tmp_path / f"{ObjectId()}.capture"
    path.write_bytes(make_capture(request=[(1, ASKED)], response=[(2, ANSWER)]))
    assembler = Assembler({"gemini": PROVIDERS["gemini"]}, None)
    (first,) = await assembler.assemble([CaptureFile(path, path.stat().st_size)])
    assert first.record is not None
    document = first.record.document
    later = {**document, "_id": ObjectId(), "recorded_at": datetime.now(UTC)}
    assert await assembler.texts([document, later]) == ["Rayleigh.\nWhy is the sky blue?"] * 2  # type: ignore[list-item]
