"""Models that fail, each in a different way.

| model | what happens |
|---|---|
| `error-400`, `error-404`, `error-429`, `error-500`, `error-503` | an error with this status |
| `fault-midstream-error` | the beginning of a stream, then an error as a further event |
| `fault-disconnect` | the beginning, then the connection is dropped |
| `fault-stall` | the beginning, then nothing until the client disconnects |
| `fault-no-finish` | the complete stream without its last events |
| `fault-garbage` | status 200 with a JSON content type, but bytes that are not JSON |
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gemtap.simulation.script import Begin, Disconnect, Pause, Script, Send, Stall

_ERRORS: Final = {
    400: ("invalid_request_error", "invalid_value", "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("tokens", "rate_limit_exceeded", "Rate limit reached. Please try again in 20s."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", "overloaded", "The engine is currently overloaded, please try again later."),
}

_BEGINNING: Final = 3
"""Events that come before a fault."""


def error_of(status: int, message: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind, code, usual = _ERRORS.get(status, _ERRORS[500])
    return {"error": {"message": message or usual, "type": kind, "param": None, "code": code}}


def failure_of(model: str) -> int | None:
    """The status with which every request to a model fails; None for others."""
    found = re.fullmatch(r"error-(\d{3})", model)
    return int(found[1]) if found is not None and int(found[1]) in _ERRORS else None


def refusal(status: int, message: str | None = None) -> Script:
    """An error as the response."""
    return document(error_of(status, message), status)


def document(value: Any, status: int = 200) -> Script:
    """A response with JSON."""
    raw = json.dumps(value, indent=2).encode()
    return [Begin(status, "application/json", len(raw)), Send(raw)]


def streamed(model: str, events: list[bytes], pace: float, last: int) -> Script:
    """A stream of these events, as a model fails or does not; the last ones say that it has ended."""
    sent, end = events, Script()
    match model:
        case "fault-midstream-error":
            raw = json.dumps(error_of(500)).encode()
            sent, end = events[:_BEGINNING], [Send(b"data: " + raw + b"\n\n")]
        case "fault-disconnect":
            sent, end = events[:_BEGINNING], [Disconnect()]
        case "fault-stall":
            sent, end = events[:_BEGINNING], [Stall()]
        case "fault-no-finish":
            sent = events[:-last]
        case "fault-garbage":
            return [Begin(200, "application/json"), Send(b"<html>")]
    steps = [step for event in sent for step in (Pause(pace), Send(event))]
    return [Begin(200, "text/event-stream; charset=utf-8"), *steps, *end]
