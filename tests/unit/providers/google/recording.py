"""Documents of exchanges with Google's APIs, assembled from captures as the recorder does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from tests.captures import make_capture

AT: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
GEMINI: Final = "/v1beta"
VERTEX: Final = "/v1beta1/projects/p/locations/global"


def capture_of(
    path: str,
    response: Any,
    *,
    request: Any = None,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    at: datetime = AT,
    **fields: Any,
) -> bytes:
    """The capture of one exchange; `response` in bytes is a stream of events."""
    is_stream = isinstance(response, bytes)
    answer_headers = {"content-type": "text/event-stream" if is_stream else "application/json", **(headers or {})}
    return make_capture(
        path=path.encode(),
        method=method,
        provider="vertex" if "/v1beta1/" in path else "gemini",
        received=at.timestamp(),
        request=[] if request is None else [(100, json.dumps(request).encode())],
        response=[(3_000, response if isinstance(response, bytes) else json.dumps(response).encode())],
        response_headers=[(name.encode(), value.encode()) for name, value in answer_headers.items()],
        **fields,
    )


def document_of(path: str, response: Any, **fields: Any) -> Interaction:
    """The document of one exchange."""
    capture = capture_of(path, response, **fields)
    return assemble(capture, id=ObjectId(), recorded_at=AT, providers=PROVIDERS).document


def usd(document: Interaction) -> float | None:
    """The cost, rounded to a billionth of a dollar."""
    cost = document["cost"]
    return None if cost is None or cost["usd"] is None else round(cost["usd"], 9)


def generated(usage: Any, **fields: Any) -> dict[str, Any]:
    """An answer of `generateContent` with this usage."""
    return {
        "candidates": [{"content": {"parts": [{"text": "Yes."}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": usage,
        **fields,
    }
