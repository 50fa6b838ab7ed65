"""What searches go through: what a turn added, for each kind of exchange, and no more."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from bson import ObjectId

from gemtap.interaction import Thread
from gemtap.recorder.searchable import LONGEST, LONGEST_BODY, text_of
from gemtap.stores.query.words import words_of
from tests.records import make_record

PICTURE = base64.b64encode(bytes(range(256)) * 4).decode()


def thread(new_messages: int, turn: int = 2) -> Thread:
    return {"id": ObjectId(), "turn": turn, "parent": ObjectId() if turn > 1 else None, "new_messages": new_messages}


def words(request: Any, response: Any = None, **fields: Any) -> set[str]:
    record = make_record(
        request_raw=json.dumps(request).encode(), response_raw=json.dumps(response or {}).encode(), **fields
    )
    return set(words_of(text_of(record.document)))


CONTENTS = [
    {"role": "user", "parts": [{"text": "firstquestion"}]},
    {"role": "model", "parts": [{"functionCall": {"name": "oldcall", "args": {"path": "oldpath"}}}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "read_file", "response": {"output": "toolresult"}}}]},
    {"role": "user", "parts": [{"text": "lastquestion"}, {"inlineData": {"mimeType": "image/png", "data": PICTURE}}]},
]
ANSWER = {
    "role": "model",
    "parts": [
        {"text": "thinkingaloud", "thought": True},
        {"text": "theanswer", "thoughtSignature": "c2lnbmF0dXJl"},
        {"functionCall": {"name": "run_shell", "args": {"command": "rm -rf build", "count": 3, "force": True}}},
    ],
}
GEMINI = {"systemInstruction": {"parts": [{"text": "instructed"}]}, "contents": CONTENTS}
GEMINI_ANSWER = {"candidates": [{"content": ANSWER}]}
ADDED = {
    "lastquestion",
    "thinkingaloud",
    "theanswer",
    "run",
    "shell",
    "command",
    "rm",
    "rf",
    "build",
    "count",
    "3",
    "force",
}


def test_of_a_later_turn_only_what_it_added() -> None:
    """The text of a later turn has only its new messages."""
    assert words(GEMINI, GEMINI_ANSWER, thread=thread(1)) == ADDED
    assert words(GEMINI, GEMINI_ANSWER, thread=thread(2)) == ADDED | {"toolresult", "read", "file", "output"}


def test_of_the_first_turn_everything_and_the_system_instruction() -> None:
    """The text of a first turn includes the system instruction."""
    found = words(GEMINI, GEMINI_ANSWER, thread=thread(4, turn=1))
    assert found > ADDED | {"instructed", "firstquestion", "oldcall", "oldpath", "toolresult"}


def test_outside_of_threads_what_follows_the_models_last_words() -> None:
    """Without a thread, the text begins after the model's last message."""
    found = words(GEMINI, GEMINI_ANSWER, thread=None)
    assert found > ADDED | {"instructed", "toolresult"}
    assert not found & {"firstquestion", "oldcall"}


def test_code_assist_wraps_both() -> None:
    """The envelopes of Code Assist are removed."""
    wrapped = words({"request": GEMINI}, {"response": GEMINI_ANSWER}, provider="code_assist", thread=thread(1))
    assert wrapped == ADDED


def test_openai() -> None:
    """Chat completions are searchable."""
    messages = [
        {"role": "system", "content": "instructed"},
        {"role": "user", "content": "firstquestion"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "function": {"name": "old", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"output": "toolresult"}'},
        {"role": "user", "content": [{"type": "text", "text": "lastquestion"}, image()]},
    ]
    call = {"id": "c2", "function": {"name": "run_shell", "arguments": '{"command": "rm -rf build"}'}}
    answer = {"role": "assistant", "content": "theanswer", "reasoning_content": "thinkingaloud", "tool_calls": [call]}
    fields: dict[str, Any] = {"operation": "openai.chat.completions"}
    found = words({"messages": messages}, {"choices": [{"message": answer}]}, thread=thread(2), **fields)
    assert found == (ADDED - {"count", "3", "force"}) | {"output", "toolresult"}
    found = words({"messages": messages}, {"choices": [{"message": answer}]}, thread=thread(4, turn=1), **fields)
    assert found > {"instructed", "firstquestion", "old", "toolresult"}


def image() -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}


def test_a_live_session() -> None:
    """The turns of a session are searchable."""
    turns = [
        {"role": "user", "parts": [{"text": "asked"}]},
        {"role": "model", "outputTranscription": {"text": "spoken"}, "parts": [{"inlineData": {"data": PICTURE}}]},
    ]
    record = make_record(
        operation="live",
        request_raw=b'{"messages": []}',
        response_raw=json.dumps({"messages": [], "turns": turns}).encode(),
        response={"status": 101},
        thread=thread(2, turn=1),
    )
    assert set(words_of(text_of(record.document))) == {"asked", "spoken"}


def test_what_is_no_conversation_is_searched_at_its_beginning() -> None:
    """Other bodies are indexed at their beginning."""
    embedded = {"content": {"parts": [{"text": "embed this"}]}}
    found = words(embedded, {"embedding": {"values": [0.123, -0.456]}}, operation="embedContent", thread=None)
    assert found == {"content", "parts", "text", "embed", "this", "embedding", "values"}
    listed = {"models": [{"name": f"model{n}"} for n in range(10_000)]}
    record = make_record(response_raw=json.dumps(listed).encode(), operation="models.list", thread=None)
    assert "model1" in text_of(record.document)
    assert len(text_of(record.document)) <= 2 * LONGEST_BODY + 1


def test_texts_and_bytes_as_bodies() -> None:
    """Text bodies are searchable, bytes are not."""
    fields: dict[str, Any] = {"operation": "unknown", "thread": None}
    plain = make_record(request_raw=b"\xff\xfe\x00", response_raw=b"upstream connect error", **fields)
    assert text_of(plain.document).split() == ["upstream", "connect", "error"]
    assert text_of(make_record(request_raw=b"", answered=False, **fields).document).strip() == ""


def test_counting_tokens_sends_what_another_interaction_has() -> None:
    """Prompts of token counts are not indexed again."""
    found = words(GEMINI, {"totalTokens": 5}, operation="countTokens", thread=None)
    assert found == set(words_of("Why is the sky blue?"))  # the preview


def test_errors_and_notes() -> None:
    """Errors and notes are searchable."""
    error = {"message": "Quota exceeded", "details": [{"reason": "RATE_LIMIT", "metadata": {"service": "generative"}}]}
    found = words(GEMINI, thread=thread(1), error=error, note="look here")
    assert found == {
        "lastquestion",
        *words_of("Quota exceeded reason RATE_LIMIT metadata service generative look here"),
    }


@pytest.mark.parametrize(
    "blob",
    [
        PICTURE,
        base64.urlsafe_b64encode(b"\xfb\xff" * 300).decode(),
        base64.encodebytes(bytes(range(256)) * 2).decode(),
        f"data:audio/wav;base64,{PICTURE}",
    ],
)
def test_base64_is_no_text_wherever_it_stands(blob: str) -> None:
    """Base64 is removed everywhere."""
    said = [{"role": "user", "parts": [{"text": f"before {blob} after"}]}]
    result = [{"role": "user", "parts": [{"functionResponse": {"name": "shot", "response": {"output": blob}}}]}]
    found = words({"contents": said + result}, thread=thread(2))
    assert {"before", "after", "shot"} <= found
    assert max(map(len, found)) < 15
    assert len(found) < 10


def test_what_people_write_is_not_taken_for_base64() -> None:
    """Written text is not mistaken for Base64."""
    kept = "/home/ada/projects/gemtap/src/gemtap/stores/sqlite/migrations/0007_search.sql " + "a" * 64 + " " + "ab" * 80
    assert len(words({"contents": kept}, thread=thread(1))) == len(set(words_of(kept)))


def test_a_long_text_is_cut_and_the_answer_goes_first() -> None:
    """A long text is truncated; the answer comes first."""
    answer = {"candidates": [{"content": {"parts": [{"text": "theanswer"}]}}]}
    contents = [{"role": "user", "parts": [{"text": "early " + "word " * 100_000 + "late"}]}]
    record = make_record(
        request_raw=json.dumps({"contents": contents}).encode(),
        response_raw=json.dumps(answer).encode(),
        thread=thread(1),
    )
    text = text_of(record.document)
    assert len(text) <= LONGEST
    assert text.startswith("theanswer")
    assert "early" in text
    assert "late" not in text


def test_a_conversation_that_cannot_be_read_is_recorded_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """A failing parser does not prevent recording."""
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = [deep]
    record = make_record(operation="unknown")
    record.document["request"]["body"] = deep
    assert text_of(record.document) == ""
    assert "no search for words will find it" in caplog.text
