"""Reads pieces from packs, with the latest packs in memory."""

from __future__ import annotations

import os
import sqlite3
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from gemtap.stores.sqlite.packs import Pack, PackHead, PackKey, PieceMissing, head_of, packed_of

_CACHED_BYTES: Final = 96 * 2**20
"""Size of the cache: five large packs. What agents repeat in every turn is in other packs than what is new."""

_UNPACKED_AT_ONCE: Final = min(4, os.cpu_count() or 1)
_UNPACKED_ASIDE: Final = 2**20
"""Minimum size of a pack that another thread decompresses when a body needs several packs."""


@cache
def _unpackers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_UNPACKED_AT_ONCE, thread_name_prefix="sqlite-unpack")


class PackCache:
    """The packs that were read last, by their editions. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: OrderedDict[int, Pack] = OrderedDict()
        self._bytes = 0

    def get(self, edition: int) -> Pack | None:
        """The pack of this edition, or None if it is not in the cache."""
        with self._lock:
            pack = self._packs.get(edition)
            if pack is not None:
                self._packs.move_to_end(edition)
            return pack

    def add(self, edition: int, pack: Pack) -> None:
        """Add a pack, and remove those that were not used for longest."""
        with self._lock:
            if edition in self._packs:
                return
            self._packs[edition] = pack
            self._bytes += pack.size
            while self._bytes > _CACHED_BYTES and len(self._packs) > 1:
                _, oldest = self._packs.popitem(last=False)
                self._bytes -= oldest.size


class PackReader:
    """Reads pieces within one transaction, in which it looks up each pack once."""

    def __init__(self, cache: PackCache, connection: sqlite3.Connection) -> None:
        self._cache = cache
        self._connection = connection
        self._heads: list[PackHead] = []

    def read(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The pieces with these numbers. Raises PieceMissing."""
        found: dict[int, bytes] = {}
        wanted = sorted(set(numbers))
        at = 0
        coming: deque[tuple[Callable[[], Pack], list[int]]] = deque()
        while at < len(wanted) or coming:
            # Large packs are decompressed side by side, but no more are in memory than there are processors for them.
            while at < len(wanted) and len(coming) < _UNPACKED_AT_ONCE:
                head = self._head(wanted[at])
                end = head.first + head.span
                following = bisect_left(wanted, end, at)
                coming.append((self._begin(head, is_last=wanted[-1] < end), wanted[at:following]))
                at = following
            unpacked, here = coming.popleft()
            pack = unpacked()
            for number in here:
                piece = pack.piece(number)
                if not piece:
                    raise PieceMissing(f"piece {number} is gone")
                found[number] = piece
        return found

    def pack_key(self, number: int) -> PackKey:
        """The pack that covers this number. Raises PieceMissing."""
        head = self._head(number)
        return PackKey(head.first, head.edition)

    def has(self, key: PackKey) -> bool:
        """Whether this pack is in the database, and in the cache."""
        try:
            return self.pack_key(key.first) == key and self._cache.get(key.edition) is not None
        except PieceMissing:
            return False

    def _head(self, number: int) -> PackHead:
        at = bisect_right(self._heads, number, key=lambda head: head.first)
        if at and number < self._heads[at - 1].first + self._heads[at - 1].span:
            return self._heads[at - 1]
        head = head_of(self._connection, number)
        self._heads.insert(at, head)
        return head

    def _begin(self, head: PackHead, *, is_last: bool) -> Callable[[], Pack]:
        """A function that returns the pack, which another thread may be decompressing meanwhile."""
        cached = self._cache.get(head.edition)
        if cached is not None:
            return lambda: cached
        packed = packed_of(self._connection, head.first, head.edition)
        unpacking = None
        if packed.size > _UNPACKED_ASIDE and not is_last:
            unpacking = _unpackers().submit(packed.unpacked)

        def unpacked() -> Pack:
            pack = packed.unpacked() if unpacking is None else unpacking.result()
            self._cache.add(head.edition, pack)
            return pack

        return unpacked
