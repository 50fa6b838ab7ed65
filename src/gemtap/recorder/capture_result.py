"""What became of a capture, and its way from a worker to the desk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bson import ObjectId

from gemtap.recorder.fingerprint import Fingerprint
from gemtap.recorder.left_in_bytes import without_value
from gemtap.recorder.resent_bytes import HeldRequests, RequestSender, SentRequest
from gemtap.stores.base import Record


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What became of a capture."""

    record: Record | None = None
    fingerprint: Fingerprint | None = None
    unreadable: str | None = None
    """Why there never will be a record. None if the capture is empty or deleted."""
    over_limit: bool = False
    request: SentRequest | None = None
    """Stands for the record's `request_raw` on the way from a worker."""


def sent(
    results: Sequence[CaptureResult], sender: RequestSender, held: Iterable[ObjectId], *, with_values: bool
) -> list[CaptureResult]:
    """The results of a job without what a desk that holds these requests has already, or does not need."""
    sender.begin(held)
    try:
        return [_sent(result, sender, with_values) for result in results]
    except BaseException:
        sender.clear()  # it may have been interrupted
        raise


def _sent(result: CaptureResult, sender: RequestSender, with_values: bool) -> CaptureResult:
    record = result.record
    if record is None:
        return result
    request = sender.shortened(record.request_raw)
    if request is not None:
        record = replace(record, request_raw=b"")
    return replace(result, record=record if with_values else without_value(record), request=request)


def arrived(results: Sequence[CaptureResult], held: HeldRequests) -> list[CaptureResult]:
    """The results of a job with whole requests."""
    whole = [_arrived(result, held) for result in results]
    held.forget_old()
    return whole


def _arrived(result: CaptureResult, held: HeldRequests) -> CaptureResult:
    if result.request is None or result.record is None:
        return result
    record = replace(result.record, request_raw=held.restored(result.request))
    return replace(result, record=record, request=None)
