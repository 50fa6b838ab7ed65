"""One flat row per interaction, shared by CSV and Parquet."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from gemtap.interaction import NO_TOKENS, Interaction

COLUMNS: Final[dict[str, type]] = {
    "id": str,
    "timestamp": datetime,
    "provider": str,
    "operation": str,
    "model": str,
    "model_version": str,
    "method": str,
    "path": str,
    "status": int,
    "outcome": str,
    "error": str,
    "streaming": bool,
    "finish_reason": str,
    "request_duration_ms": float,
    "first_byte_ms": float,
    "first_token_ms": float,
    "output_tokens_per_s": float,
    "input_tokens": int,
    "cached_tokens": int,
    "cache_write_tokens": int,
    "output_tokens": int,
    "reasoning_tokens": int,
    "tool_use_tokens": int,
    "total_tokens": int,
    "cost_usd": float,
    "cache_saved_usd": float,
    "request_bytes": int,
    "response_bytes": int,
    "client": str,
    "client_version": str,
    "key": str,
    "user": str,
    "thread": str,
    "turn": int,
    "prompt": str,
    "answer": str,
    "tags": str,
    "rating": str,
    "note": str,
}
"""The columns and their types. Every column is nullable."""

BODIES: Final[dict[str, type]] = {"request_body": str, "response_body": str}
"""Optional columns: the bodies, as JSON or as plain text."""


def columns(*, bodies: bool) -> dict[str, type]:
    """The columns of an export."""
    return {**COLUMNS, **BODIES} if bodies else COLUMNS


def row_of(document: Interaction, *, bodies: bool) -> dict[str, Any]:
    """The row of an interaction."""
    request, response = document["request"], document["response"]
    error, cost, thread, client = document["error"], document["cost"], document["thread"], document["client"]
    timing = document["timing"]
    row: dict[str, Any] = {
        "id": str(document["_id"]),
        "timestamp": document["timestamp"],
        **{name: document[name] for name in ("provider", "operation", "model", "model_version")},
        "method": request["method"],
        "path": request["path"],
        "status": response["status"] if response else None,
        "outcome": document["outcome"],
        "error": error["message"] if error else None,
        "streaming": document["streaming"],
        "finish_reason": document["finish_reason"],
        "request_duration_ms": document["request_duration_ms"],
        "first_byte_ms": timing["first_byte_ms"],
        "first_token_ms": timing["first_token_ms"],
        "output_tokens_per_s": timing["output_tokens_per_s"],
        **{f"{name}_tokens": document["tokens"].get(name) for name in NO_TOKENS},
        "cost_usd": cost["usd"] if cost else None,
        "cache_saved_usd": cost.get("cache_saved") if cost else None,
        "request_bytes": request["body_bytes"],
        "response_bytes": response["body_bytes"] if response else None,
        "client": client["name"],
        "client_version": client["version"],
        "key": client["key"],
        "user": client["user"],
        "thread": str(thread["id"]) if thread else None,
        "turn": thread["turn"] if thread else None,
        **document["preview"],
        "tags": ", ".join(document["tags"]) or None,
        "rating": document["rating"],
        "note": document["note"],
    }
    if bodies:
        row["request_body"] = _text(request["body"])
        row["response_body"] = _text(response["body"]) if response else None
    return row


def _text(body: Any) -> str | None:
    if body is None or isinstance(body, str):
        return body
    return None if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False)
