"""Why an exchange counts as failed: how it ended, what the API said, or what cannot be read of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.capture.events import BodyEnd
from gemtap.interaction import Error, Outcome
from gemtap.recorder.captured import Exchange, is_cut, values_of
from gemtap.recorder.read import Reading
from gemtap.recorder.redact import RedactedBody
from gemtap.recorder.sessions import closing_error

_ENDINGS: Final[Mapping[str, str]] = {
    Outcome.CLIENT_DISCONNECTED: "The client went away before the answer was whole.",
    Outcome.INTERRUPTED: "Gemtap ended while this exchange was under way: what had arrived by then is here.",
}
"""What is said where the tap gave no details."""


def problem_of(exchange: Exchange, reading: Reading) -> Error | None:
    """What went wrong, the nearest cause first; None where nothing did."""
    if reading.fault is not None:
        return reading.fault
    if exchange.outcome != Outcome.COMPLETE:
        return _ending(exchange, reading)
    status = exchange.status or 0
    if 300 <= status < 400:
        # A redirect, a valid cache or an upload that continues. Google calls the body an error.
        return None
    reported = reading.parsed.error or closing_error(exchange.end and exchange.end.get("closing"))
    if reported is not None:
        return reported
    if status >= 400:
        return {"message": f"HTTP status {status}", "details": reading.response.parsed.value}
    return _unreadable(exchange, reading)


def _ending(exchange: Exchange, reading: Reading) -> Error:
    message = (exchange.end and exchange.end["details"]) or _ENDINGS.get(exchange.outcome, exchange.outcome)
    reported = reading.parsed.error
    if reported is not None and exchange.outcome == Outcome.CLIENT_DISCONNECTED:
        # SDKs hang up at the error in a stream: it is the cause, and their leaving its effect.
        return reported
    return {"message": message, "details": dict(reported) if reported is not None else None}


def _unreadable(exchange: Exchange, reading: Reading) -> Error | None:
    end = exchange.end
    faults = [_fault("request", reading.request, end and end["request"])]
    if not reading.parsed.streaming:
        faults.append(_fault("answer", reading.response, end and end["response"]))
        # A request that the API has taken is good, whatever its bytes are: google-genai sends files as JSON.
        faults.append(None if exchange.asks_for_file else _no_json(exchange, reading.response))
    message = "; ".join(filter(None, faults))
    return {"message": message, "details": None} if message else None


def _fault(name: str, body: RedactedBody, end: BodyEnd | None) -> str | None:
    """Why a body cannot be read. One that was cut short by `capture_max_body` says so elsewhere."""
    if end is not None and "left_out" in end:
        return f"The {name}'s body is not kept whole: {end['left_out']}"
    if body.decoded.fault is not None:
        return f"The {name}'s body cannot be decoded: {body.decoded.fault}"
    return None


def _no_json(exchange: Exchange, answer: RedactedBody) -> str | None:
    """That an answer is not the JSON that it is declared to be."""
    end = exchange.end
    declared = any(_names_json(value) for value in values_of(exchange.response_headers, b"content-type"))
    readable = answer.parsed.is_json or answer.parsed.incomplete is not None or not answer.raw
    if declared and not readable and not answer.decoded.fault and not (end and is_cut(end["response"])):
        return "The answer's body is not valid JSON"
    return None


def _names_json(content_type: str) -> bool:
    """Whether it is one JSON value; files of one value a line (`application/jsonl`) are not."""
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))
