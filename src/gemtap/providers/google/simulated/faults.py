"""Models that fail, each in a different way.

These answer every request with an error:

| model | error |
|---|---|
| `error-400` | 400 INVALID_ARGUMENT |
| `error-403` | 403 PERMISSION_DENIED |
| `error-404` | 404 NOT_FOUND |
| `error-429` | 429 RESOURCE_EXHAUSTED with QuotaFailure, Help and RetryInfo |
| `error-500` | 500 INTERNAL |
| `error-503` | 503 UNAVAILABLE |
| `error-echo-key` | 400 INVALID_ARGUMENT, whose message repeats the caller's key |

These fail in `generateContent` and `streamGenerateContent`, and work otherwise. "The beginning" is the first two
chunks of a stream (fewer if it has no more than two), or the first half of a response that is not streamed:

| model | what happens |
|---|---|
| `fault-midstream-error` | the beginning, then an error as a further chunk; not streamed: 500 |
| `fault-midstream-bare` | the same, but in SSE the error is JSON without a `data:` frame |
| `fault-disconnect` | the beginning, then the connection is dropped |
| `fault-disconnect-early` | the connection is dropped before the first byte |
| `fault-silent` | nothing, until the client disconnects |
| `fault-stall` | the beginning, then nothing until the client disconnects |
| `fault-no-finish` | the complete response, but without `finishReason` |
| `fault-garbage` | status 200 with a JSON content type, but bytes that are not JSON |
| `fault-truncated-length` | the complete response with a Content-Length that is too large, then a dropped connection |
| `fault-slow` | the complete response, one second late |
| `fault-empty` | status 200 and an empty body |
| `fault-max-tokens` | the complete response, with `finishReason` MAX_TOKENS |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gemtap.interaction import Json
from gemtap.providers.google.simulated import errors
from gemtap.providers.google.simulated.errors import ApiError
from gemtap.providers.google.simulated.wire import (
    ARRAY_END,
    JSON_TYPE,
    Answer,
    Form,
    array_item,
    document,
    error_script,
    frame,
    paced,
    pretty,
)
from gemtap.simulation.script import Begin, Disconnect, Pause, Script, Send, Stall

_SLOW: Final = 1.0
"""Delay in seconds."""

_NO_JSON: Final = b"\x89PNG\r\n\x1a\n\x00\xff\xfe this is not the JSON that the Content-Type promises {"


def error_of(model: str, *, version: str, operation: str, key: str) -> ApiError | None:
    """The error of a model that answers every request with one, or None for all other models."""
    match model:
        case "error-400":
            return errors.invalid_argument()
        case "error-403":
            return errors.permission_denied()
        case "error-404":
            return errors.model_not_found(model, version, operation)
        case "error-429":
            return errors.resource_exhausted(model)
        case "error-500":
            return errors.internal()
        case "error-503":
            return errors.unavailable()
        case "error-echo-key":
            return errors.invalid_key(f"API key not valid: {key}. Please pass a valid API key.")
        case _:
            return None


def _midstream_error(answer: Answer) -> Script:
    match answer.form:
        case Form.DOCUMENT:
            return _error_instead(answer.form)
        case Form.ARRAY:
            return [*_beginning(answer), Send(array_item(errors.internal().body, first=False) + ARRAY_END)]
        case _:
            return [*_beginning(answer), Send(frame(errors.internal().body))]


def _midstream_bare(answer: Answer) -> Script:
    if answer.form is not Form.SSE:
        return _midstream_error(answer)
    return [*_beginning(answer), Send(pretty(errors.internal().body))]


def _error_instead(form: Form) -> Script:
    error = errors.internal()
    return error_script(error.code, error.body, form)


def _disconnect(answer: Answer) -> Script:
    return [*_beginning(answer), Disconnect()]


def _disconnect_early(answer: Answer) -> Script:
    return [Disconnect()]


def _silent(answer: Answer) -> Script:
    return [Stall()]


def _stall(answer: Answer) -> Script:
    return [*_beginning(answer), Stall()]


def _no_finish(answer: Answer) -> Script:
    return replace(answer, messages=[_finishing(message, None) for message in answer.messages]).script()


def _max_tokens(answer: Answer) -> Script:
    return replace(answer, messages=[_finishing(message, "MAX_TOKENS") for message in answer.messages]).script()


def _garbage(answer: Answer) -> Script:
    return document(200, JSON_TYPE, _NO_JSON)


def _truncated_length(answer: Answer) -> Script:
    body = b"".join(answer.pieces())
    return [Begin(200, answer.form.content_type, length=len(body) + 1_000), Send(body), Disconnect()]


def _slow(answer: Answer) -> Script:
    return [Pause(_SLOW), *answer.script()]


def _empty(answer: Answer) -> Script:
    return [Begin(200, answer.form.content_type, length=0)]


FAULTS: Final[dict[str, Callable[[Answer], Script]]] = {
    "fault-midstream-error": _midstream_error,
    "fault-midstream-bare": _midstream_bare,
    "fault-disconnect": _disconnect,
    "fault-disconnect-early": _disconnect_early,
    "fault-silent": _silent,
    "fault-stall": _stall,
    "fault-no-finish": _no_finish,
    "fault-garbage": _garbage,
    "fault-truncated-length": _truncated_length,
    "fault-slow": _slow,
    "fault-empty": _empty,
    "fault-max-tokens": _max_tokens,
}
"""What each faulty model does to a correct response."""


def _beginning(answer: Answer) -> Script:
    pieces = answer.pieces()
    if answer.form is Form.DOCUMENT:
        body = b"".join(pieces)
        return [Begin(200, answer.form.content_type, length=len(body)), Send(body[: len(body) // 2])]
    return [Begin(200, answer.form.content_type), *paced(pieces[: min(2, len(pieces) - 1)], answer.pace)]


def _finishing(message: Json, reason: str | None) -> Json:
    """The message with another `finishReason`, or without any if `reason` is None."""
    candidates = [
        {
            key: reason if key == "finishReason" else value
            for key, value in candidate.items()
            if reason or key != "finishReason"
        }
        for candidate in message.get("candidates", [])
    ]
    return {**message, "candidates": candidates} if candidates else message
