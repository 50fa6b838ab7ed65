"""Captures for tests, as a tap writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gemtap.capture.events import FORMAT, Kind, Reserved, pack

RECEIVED: Final = 1_773_489_600.123_9
"""2026-03-14T12:00:00.123Z, and a bit."""

GENERATE: Final = b"/v1beta/models/gemini-2.5-pro:generateContent"
STREAM: Final = b"/v1beta/models/gemini-2.5-pro:streamGenerateContent"
JSON: Final = [(b"content-type", b"application/json")]
SSE: Final = [(b"content-type", b"text/event-stream")]

Pieces = Sequence[tuple[int, bytes]]


def make_capture(
    *,
    path: bytes = GENERATE,
    request: Pieces = ((100, b'{"contents":[{"parts":[{"text":"Why?"}]}]}'),),
    request_headers: Sequence[tuple[bytes, bytes]] = JSON,
    status: int | None = 200,
    response: Pieces = ((3_000, b'{"candidates":[{"content":{"parts":[{"text":"So."}]},"finishReason":"STOP"}]}'),),
    response_headers: Sequence[tuple[bytes, bytes]] = JSON,
    response_at: int = 2_500,
    decoded: bool = False,
    sent: int | None = 500,
    outcome: str | None = "complete",
    details: str | None = None,
    end_at: int = 4_000,
    reserved: Reserved | None = None,
    request_end: dict[str, Any] | None = None,
    response_end: dict[str, Any] | None = None,
    **head: Any,
) -> bytes:
    """A capture of these pieces, each with its microseconds. `status=None`: no answer; `outcome=None`: no end."""
    request_head = {
        "format": FORMAT,
        "tap": "0",
        "received": RECEIVED,
        "method": "POST",
        "path": path,
        "query": b"",
        "http_version": "1.1",
        "headers": list(request_headers),
        "client": "127.0.0.1",
        "key": "8f2a11c0beef",
        "provider": "gemini",
        "upstream_path": path,
        "upstream": "http://127.0.0.1:1",
        **head,
    }
    capture = [pack(Kind.REQUEST, 0, request_head)]
    capture += [pack(Kind.REQUEST_BODY, at, piece) for at, piece in request]
    if reserved is not None:
        capture.append(pack(Kind.RESERVED, 150, reserved))
    if status is not None:
        answer = {
            "status": status,
            "headers": list(response_headers),
            "sent": sent,
            "made_here": False,
            "decoded": decoded,
        }
        capture.append(pack(Kind.RESPONSE, response_at, answer))
        capture += [pack(Kind.RESPONSE_BODY, at, piece) for at, piece in response]
    if outcome is not None:
        end = {
            "outcome": outcome,
            "details": details,
            "sent": sent,
            "request": request_end or {"bytes": sum(len(piece) for _, piece in request)},
            "response": response_end or {"bytes": sum(len(piece) for _, piece in response)},
        }
        capture.append(pack(Kind.END, end_at, end))
    return b"".join(capture)
