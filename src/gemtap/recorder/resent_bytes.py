"""Requests on their way from a worker to the desk, without the bytes that came to the desk before.

The request of an agent begins and ends as the one before it. Pickling all of it, sending it through the worker's pipe
and unpickling it takes longer than anything that the desk does with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from bson import ObjectId

from gemtap.latest_bodies import REMEMBERED_BYTES, REMEMBERED_FROM, REMEMBERED_UP_TO, LatestBodies, common_suffix

_MOST_HELD: Final = 1_000
"""Requests that the desk remembers: each job gets the names of all."""


class SentRequest(NamedTuple):
    """A request on its way: those of its bytes that are not in an earlier one."""

    name: ObjectId
    """By which later ones refer to it: new for each that is sent, so that it stands for the same bytes for good."""
    between: bytes
    earlier: ObjectId | None = None
    prefix: int = 0
    """Bytes at the beginning of the earlier one that come first."""
    suffix: int = 0
    """Bytes at its end that come last."""


class RequestSender:
    """What a worker has sent."""

    def __init__(self, smallest: int = REMEMBERED_FROM) -> None:
        """`smallest`: bytes of a request for which an earlier one is looked for."""
        self._smallest = smallest
        self._sent: LatestBodies[ObjectId] = LatestBodies()
        self._held: set[ObjectId] = set()

    def begin(self, held: Iterable[ObjectId]) -> None:
        """Begin a job: what is sent in it comes to a desk that has these requests."""
        self._held = set(held)

    def shortened(self, raw: bytes) -> SentRequest | None:
        """The request as it is sent; None if it is too small, or so large that nobody remembers it."""
        if not self._smallest <= len(raw) <= REMEMBERED_UP_TO:
            return None
        nearest = self._sent.nearest(raw)
        name = ObjectId()
        self._sent.remember(raw, name, nearest)
        has_earlier = nearest is not None and nearest.known in self._held
        self._held.add(name)
        if nearest is None or not has_earlier:
            return SentRequest(name, raw)
        prefix = nearest.prefix
        suffix = min(common_suffix(nearest.raw, raw), min(len(nearest.raw), len(raw)) - prefix)
        return SentRequest(name, raw[prefix : len(raw) - suffix], nearest.known, prefix, suffix)

    def clear(self) -> None:
        """Forget everything."""
        self._sent.clear()


class HeldRequests:
    """What the desk has got."""

    def __init__(self, remembered_bytes: int = REMEMBERED_BYTES) -> None:
        self._limit = remembered_bytes
        self._raws: OrderedDict[ObjectId, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def names(self) -> list[ObjectId]:
        """The names of the requests to which later ones may refer."""
        return list(self._raws)

    def restored(self, sent: SentRequest) -> bytes:
        """The whole request. In the order in which they were sent, and `forget_old` after the last one of a job."""
        raw = sent.between
        if sent.earlier is not None:
            self._raws.move_to_end(sent.earlier)
            earlier = memoryview(self._raws[sent.earlier])
            raw = b"".join((earlier[: sent.prefix], raw, earlier[len(earlier) - sent.suffix :]))
        self._raws[sent.name] = raw
        self._bytes += len(raw)
        return raw

    def forget_old(self) -> None:
        """Forget the requests that were sent or referred to before all others, down to the limits."""
        while self._bytes > self._limit or len(self._raws) > _MOST_HELD:
            _, raw = self._raws.popitem(last=False)
            self._bytes -= len(raw)
