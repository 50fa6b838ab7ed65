"""Records for tests: whole and plausible, every field to be had otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from bson import ObjectId

from gemtap.body import parse_body
from gemtap.interaction import NO_TOKENS, SCHEMA_VERSION, Body, ChunkTimes, Interaction, Json, Outcome
from gemtap.stores.base import Record
from gemtap.stores.links import Before
from gemtap.stores.place import Place

NOON: Final = datetime(2026, 3, 14, 12, 0, 0, 123_000, tzinfo=UTC)

REQUEST_RAW: Final = b'{"contents":[{"role":"user","parts":[{"text":"Why is the sky blue?"}]}]}'
RESPONSE_RAW: Final = (
    b'{\n  "candidates": [{"content": {"parts": [{"text": "Rayleigh."}]}, "finishReason": "STOP"}]\n}\n'
)


def make_record(
    *,
    request_raw: bytes = REQUEST_RAW,
    response_raw: bytes = RESPONSE_RAW,
    request: Mapping[str, Any] | None = None,
    response: Mapping[str, Any] | None = None,
    answered: bool = True,
    accumulated: Json = None,
    chunks: ChunkTimes | None = None,
    **fields: Any,
) -> Record:
    """A record of a complete exchange with these exact bytes.

    `request`, `response` and `fields` replace fields of the document's parts and of the document; `accumulated`
    makes the answer a stream; `answered=False` leaves it out.
    """
    document: dict[str, Any] = {
        "_id": ObjectId(),
        "timestamp": NOON,
        "request": {
            "method": "POST",
            "path": "/v1beta/models/gemini-2.5-pro:generateContent",
            "query": "key=[redacted:8f2a11c0]",
            "http_version": "1.1",
            "headers": {"content-type": "application/json", "x-trace": ["a", "b"]},
            **_body(request_raw),
            **(request or {}),
        },
        "response": None,
        "request_duration_ms": 1234.567,
        "generation_settings": {"temperature": 0.5, "stopSequences": []},
        "usage_metadata": {"promptTokenCount": 7, "totalTokenCount": 9},
        "error": None,
        "schema_version": SCHEMA_VERSION,
        "provider": "gemini",
        "operation": "generateContent",
        "model": "gemini-2.5-pro",
        "model_version": "gemini-2.5-pro-002",
        "streaming": accumulated is not None,
        "outcome": str(Outcome.COMPLETE),
        "timing": {
            "first_byte_ms": 800.25,
            "first_token_ms": 900.0,
            "chunks": 1,
            "longest_gap_ms": None,
            "output_tokens_per_s": 12.5,
        },
        "tokens": {**NO_TOKENS, "input": 7, "output": 2, "reasoning": 0, "total": 9},
        "context": {"system": 0, "tools": 0, "media": 0, "results": 0, "history": 0, "new": 7},
        "cost": {"usd": 0.000125, "source": "built-in 2026-03"},
        "finish_reason": "STOP",
        "client": {
            "name": "cline",
            "version": "3.1",
            "user_agent": "Cline/3.1",
            "address": "127.0.0.1",
            "key": "8f2a11c0",
            "user": None,
        },
        "thread": {"id": ObjectId(), "turn": 2, "parent": ObjectId(), "new_messages": 1},
        "preview": {"prompt": "Why is the sky blue?", "answer": "Rayleigh."},
        "tags": ["physics"],
        "rating": None,
        "note": None,
        "recorded_at": NOON + timedelta(seconds=2),
    }
    if answered:
        body = _body(response_raw)
        if accumulated is not None:
            body["body"] = accumulated
        document["response"] = {"status": 200, "headers": {"server": "scaffolding"}, **body}
        if chunks is not None:
            document["response"]["chunks"] = chunks
        document["response"] |= response or {}
    unknown = fields.keys() - document.keys() - {"replay_of", "upstream", "tool_use", "reserved"}
    assert not unknown, f"an interaction has no {unknown}"
    document |= fields
    return Record(
        document=cast(Interaction, document),
        request_raw=request_raw,
        response_raw=response_raw if answered else b"",
        accumulated=accumulated is not None,
    )


def _body(raw: bytes) -> Body:
    parsed = parse_body(raw)
    body: Body = {"body": parsed.value, "body_bytes": len(raw)}
    if parsed.incomplete is not None:
        body["body_incomplete"] = parsed.incomplete
    return body


def at_the_end(link: bytes) -> Before:
    """The question for the newest interaction that has a link."""
    return Before(link, Place(datetime(9999, 1, 1, tzinfo=UTC), ObjectId("f" * 24)))
