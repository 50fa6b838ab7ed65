"""The traffic of the benchmark: one call of an agent with its response, and one stream."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Final

MODEL: Final = "gemini-2.5-flash"
GENERATE: Final = f"/v1beta/models/{MODEL}:generateContent"
STREAM: Final = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"

HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "google-genai-sdk/2.0.0 gl-python/3.11",
    "x-goog-api-client": "google-genai-sdk/2.0.0 gl-python/3.11",
    # Looks like a real key, which Gemtap has to find and replace.
    "x-goog-api-key": "AIzaSyBenchBenchBenchBenchBenchBenchBen",
}

CHUNKS: Final = 80
"""Number of chunks in a stream."""

CHUNK_EVERY: Final = 0.05
"""Seconds between two chunks of a stream."""

_TEXT: Final = (
    "the proxy keeps each exchange whole and passes every chunk on at once so that an editor never waits for a "
    "database while functions tests and files of the project are read changed and explained step by step"
)


def _answer(text: str, response_id: str) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 412, "candidatesTokenCount": 530, "totalTokenCount": 942},
        "modelVersion": MODEL,
        "responseId": response_id,
    }


def _prose(seed: int, words: int) -> str:
    return " ".join(random.Random(seed).choices(_TEXT.split(), k=words))


def request_body() -> bytes:
    """A turn of a conversation, about 2 KB."""
    contents = [
        {"role": role, "parts": [{"text": _prose(seed, words)}]}
        for seed, (role, words) in enumerate([("user", 80), ("model", 100), ("user", 60)])
    ]
    body = {
        "systemInstruction": {"parts": [{"text": _prose(10, 60)}]},
        "contents": contents,
        "generationConfig": {"temperature": 0.7, "topP": 0.95, "maxOutputTokens": 8192},
    }
    return json.dumps(body).encode("ascii")


def answer_body(response_id: str) -> bytes:
    """A response of about 3 KB."""
    return json.dumps(_answer(_prose(20, 480), response_id), indent=2).encode("ascii")


def request_of(size: int) -> bytes:
    """A request of about this many bytes, with messages of up to 4 KB."""
    contents: list[dict[str, Any]] = []
    left = size - 100
    while left > 0:
        text = _prose(len(contents), max(1, min(left, 4_000) // 6))
        contents.append({"role": "user" if len(contents) % 2 == 0 else "model", "parts": [{"text": text}]})
        left -= len(text) + 45
    return json.dumps({"contents": contents}).encode("ascii")


def large_request_body() -> bytes:
    """A request with an inline image, 3 MB."""
    image = base64.b64encode(random.Random(30).randbytes(2_250_000)).decode("ascii")
    parts = [{"inlineData": {"mimeType": "image/png", "data": image}}, {"text": "What is this?"}]
    return json.dumps({"contents": [{"role": "user", "parts": parts}]}).encode("ascii")


_STAMP: Final = "stamp-"
_STAMP_DIGITS: Final = 20

STAMP_PATTERN: Final = rb"stamp-(\d{%d})" % _STAMP_DIGITS
"""Timestamp in a chunk: the upstream's send time in CLOCK_MONOTONIC nanoseconds."""

STAMP_BYTES: Final = len(_STAMP) + _STAMP_DIGITS

_EVENT: Final = b"data: " + json.dumps(_answer(_prose(40, 8), _STAMP + "@")).encode("ascii") + b"\r\n\r\n"


def stream_chunk(sent_at: int) -> bytes:
    """One server-sent event with its send time, about 400 bytes."""
    return _EVENT.replace(b"@", b"%0*d" % (_STAMP_DIGITS, sent_at))
