"""When the pieces of an answer arrived, in milliseconds since the request was sent upstream."""

from __future__ import annotations

from itertools import pairwise

from gemtap.dialects.base import Parsed
from gemtap.interaction import ChunkTimes, Timing
from gemtap.recorder.captured import Exchange
from gemtap.recorder.read import Reading


def timing_of(exchange: Exchange, reading: Reading) -> Timing:
    """The times of one exchange."""
    parsed = reading.parsed
    first_token = parsed.first_token_at
    if parsed.first_token_end is not None:
        first_token = reading.response.decoded.at(parsed.first_token_end)
    times = _arrivals(exchange, reading)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # Sessions have pauses in which people speak.
    speed = None if exchange.is_session else _speed(parsed, first_token, times[-1] if times else None)
    return {
        "first_byte_ms": since_sent(exchange.response_at, exchange),
        "first_token_ms": since_sent(first_token, exchange),
        "chunks": len(times),
        "longest_gap_ms": _milliseconds(max(gaps)) if gaps else None,
        "output_tokens_per_s": speed,
    }


def chunk_times(exchange: Exchange) -> ChunkTimes:
    """Arrival and size of each piece of an HTTP answer."""
    sent = exchange.sent or 0
    return {
        "at_ms": [_milliseconds(at - sent) for at, _ in exchange.response_pieces],
        "bytes": [len(piece) for _, piece in exchange.response_pieces],
    }


def since_sent(at: int | None, exchange: Exchange) -> float | None:
    """The milliseconds; None if that point, in microseconds since the request, was not reached."""
    return None if at is None or exchange.sent is None else _milliseconds(at - exchange.sent)


def _arrivals(exchange: Exchange, reading: Reading) -> list[int]:
    if exchange.is_session:
        return [message.at for message in reading.messages if message.side == "server"]
    return [at for at, _ in exchange.response_pieces]


def _speed(parsed: Parsed, first_token: int | None, last: int | None) -> float | None:
    """Tokens a second between the first token's arrival and the last; None where the answer came at once."""
    tokens = parsed.tokens["output"]
    if tokens is not None and parsed.reasoning_streamed:
        tokens += parsed.tokens["reasoning"] or 0
    if not tokens or first_token is None or last is None or last <= first_token:
        return None
    return round(tokens / ((last - first_token) / 1e6), 2)


def _milliseconds(microseconds: int) -> float:
    return microseconds / 1000
