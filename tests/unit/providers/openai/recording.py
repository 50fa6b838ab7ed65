"""Records of exchanges with OpenAI's API, assembled from captures as the recorder does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.stores.base import Record
from tests.captures import make_capture

AT: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)


def record_of(
    path: str,
    response: Any,
    *,
    request: Any = None,
    method: str = "POST",
    minute: int = 0,
    content_type: str | None = None,
    request_type: str = "application/json",
    **fields: Any,
) -> Record:
    """The record of one exchange; `response` in bytes is a stream of events unless `content_type` says otherwise."""
    is_raw = isinstance(response, bytes)
    content_type = content_type or ("text/event-stream" if is_raw else "application/json")
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    capture = make_capture(
        path=path.encode(),
        method=method,
        provider="openai",
        received=(AT + timedelta(minutes=minute)).timestamp(),
        request=[] if request is None else [(100, body)],
        request_headers=[(b"content-type", request_type.encode())],
        response=[(3_000, response if is_raw else json.dumps(response).encode())],
        response_headers=[(b"content-type", content_type.encode())],
        **fields,
    )
    return assemble(capture, id=ObjectId(), recorded_at=AT, providers=PROVIDERS)


def document_of(path: str, response: Any, **fields: Any) -> Interaction:
    """The document of one exchange."""
    return record_of(path, response, **fields).document


def usd(document: Interaction) -> float | None:
    """The cost, rounded to a billionth of a dollar."""
    cost = document["cost"]
    return None if cost is None or cost["usd"] is None else round(cost["usd"], 9)
