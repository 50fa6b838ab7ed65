"""One exchange that is pinned: its name, and its capture as a tap would have written it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from gemtap.capture.events import Kind, pack
from tests.captures import RECEIVED, make_capture

FIRST_BYTE = 250_000
CHUNK_EVERY = 40_000
"""Microseconds."""


@dataclass(frozen=True)
class Sample:
    """A capture with a name that is unique in its group."""

    name: str
    capture: bytes

    @property
    def id(self) -> ObjectId:
        """The same in each run."""
        return ObjectId(hashlib.sha256(self.name.encode()).digest()[:12])


class Minutes:
    """The times at which the exchanges of a group begin: a minute apart."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> float:
        self._count += 1
        return RECEIVED + 60 * self._count


def http_sample(
    name: str,
    *,
    received: float,
    provider: str,
    method: str,
    target: str,
    request: bytes,
    request_headers: Sequence[tuple[str, str]],
    status: int | None,
    response: Sequence[bytes] = (),
    response_headers: Sequence[tuple[str, str]] = (),
    outcome: str = "complete",
    upstream_path: str | None = None,
) -> Sample:
    """The capture of an HTTP exchange; the pieces of its answer arrive at even intervals."""
    path, _, query = target.partition("?")
    pieces = [(FIRST_BYTE + CHUNK_EVERY * number, piece) for number, piece in enumerate(response)]
    capture = make_capture(
        path=path.encode(),
        query=query.encode(),
        upstream_path=(upstream_path or path).encode(),
        method=method,
        provider=provider,
        received=received,
        request=[(100, request)] if request else [],
        request_headers=[(each.encode(), value.encode()) for each, value in request_headers],
        status=status,
        response=pieces,
        response_headers=[(each.encode(), value.encode()) for each, value in response_headers],
        response_at=FIRST_BYTE,
        outcome=outcome,
        details=None if outcome == "complete" else f"pinned: {outcome}",
        end_at=(pieces[-1][0] if pieces else FIRST_BYTE) + 1_000,
    )
    return Sample(name, capture)


def session_sample(
    name: str,
    *,
    received: float,
    provider: str,
    path: str,
    messages: Sequence[tuple[Kind, str | bytes]],
    closing: dict[str, Any],
    outcome: str = "complete",
) -> Sample:
    """The capture of a WebSocket session."""
    sizes = {Kind.WS_CLIENT: 0, Kind.WS_SERVER: 0}
    for kind, data in messages:
        sizes[kind] += len(data.encode() if isinstance(data, str) else data)
    head = make_capture(
        path=path.encode(),
        provider=provider,
        received=received,
        method="GET",
        request=(),
        request_headers=(),
        status=101,
        response=(),
        response_headers=(),
        outcome=None,
    )
    events = [pack(kind, FIRST_BYTE + CHUNK_EVERY * number, data) for number, (kind, data) in enumerate(messages)]
    end = {
        "outcome": outcome,
        "details": None,
        "sent": 500,
        "request": {"bytes": sizes[Kind.WS_CLIENT]},
        "response": {"bytes": sizes[Kind.WS_SERVER]},
        "closing": closing,
    }
    return Sample(name, head + b"".join(events) + pack(Kind.END, FIRST_BYTE + CHUNK_EVERY * len(messages), end))
