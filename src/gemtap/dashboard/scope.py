"""Whose request this is, and the part of the store that is open to them.

Without access keys everything is open. With them, admins see everything, and members what was sent with their own keys:
`ScopedStore` enforces that below every page and every route of the API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from gemtap.access.keys import User
from gemtap.interaction import Interaction, Side
from gemtap.stores.base import Record, SharedValues, Store, StoredIncidents
from gemtap.stores.facets import Facets
from gemtap.stores.limit_usage import LimitUsage
from gemtap.stores.links import LinkIndex
from gemtap.stores.maintenance import Maintenance
from gemtap.stores.place import Order, Place
from gemtap.stores.query.filter import Condition, Filter, Is
from gemtap.stores.saved_searches import SavedSearches
from gemtap.stores.search_index import SearchIndex
from gemtap.stores.sorting import SortedPlace, SortKey
from gemtap.stores.statistics import Bucket, By, StatRow, ToolRow
from gemtap.stores.thread_list import ThreadPage, ThreadSort


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks."""

    user: User
    is_valid: Callable[[], bool]
    """Whether the key is still good, for answers that go on for hours."""


_session: Final[ContextVar[Session | None]] = ContextVar("gemtap_session", default=None)


@contextmanager
def as_session(session: Session) -> Iterator[None]:
    """Limit what is done inside, and in tasks that are started there, to what is open to this user."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def current_user() -> User | None:
    """Who asks; None without access control."""
    session = _session.get()
    return None if session is None else session.user


NOBODY: Final = Session(User("", "member", ""), lambda: False)
"""Whoever uses a public route: no interaction is theirs."""


def is_nobody() -> bool:
    """Whether whoever asks has no access key and needs one for most routes."""
    return _session.get() is NOBODY


def is_session_valid() -> bool:
    """Whether whoever asks may go on."""
    session = _session.get()
    return session is None or session.is_valid()


def may_see(owner: str | None) -> bool:
    """Whether interactions of this user, None for nobody's, are open to whoever asks."""
    user = current_user()
    return user is None or user.is_admin or (owner is not None and owner == user.name)


def visible_owner() -> str | None:
    """The user whose interactions alone are open to whoever asks; None if all are. Caches need this as a key."""
    user = current_user()
    return None if user is None or user.is_admin else user.name


def _own() -> Filter:
    owner = visible_owner()
    return Filter() if owner is None else Filter(user=owner)


class ScopedStore:
    """A store as far as it is open to whoever asks. See `gemtap.stores.base.Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def description(self) -> str:
        """The store's address."""
        return self._store.description

    @property
    def stores_values(self) -> bool:
        """As the store has it."""
        return self._store.stores_values

    @property
    def links(self) -> LinkIndex:
        """As the store has it."""
        return self._store.links

    @property
    def search_index(self) -> SearchIndex:
        """As the store has it."""
        return self._store.search_index

    @property
    def incidents(self) -> StoredIncidents:
        """Everybody's: only admins reach the routes that show them."""
        return self._store.incidents

    @property
    def shared(self) -> SharedValues | None:
        """As the store has it."""
        return self._store.shared

    @property
    def searches(self) -> SavedSearches:
        """Everybody's: people who share a Gemtap share their saved searches."""
        return self._store.searches

    @property
    def limit_usage(self) -> LimitUsage:
        """Everybody's sums: what is shown of them is chosen by `gemtap.dashboard.limits`."""
        return self._store.limit_usage

    @property
    def maintenance(self) -> Maintenance:
        """As the store has it."""
        return self._store.maintenance

    async def open(self) -> None:
        """The store is opened by the desk."""
        await self._store.open()

    async def close(self) -> None:
        """The store is closed by the desk."""
        await self._store.close()

    async def ping(self) -> None:
        """Return if the store answers."""
        await self._store.ping()

    async def put(self, records: Sequence[Record]) -> set[ObjectId]:
        """No request stores interactions."""
        raise PermissionError("the dashboard stores no interactions")

    async def replace(self, records: Sequence[Record]) -> int:
        """No request replaces interactions."""
        raise PermissionError("the dashboard replaces no interactions")

    async def delete(self, ids: Sequence[ObjectId]) -> int:
        """No request deletes interactions."""
        raise PermissionError("the dashboard deletes no interactions")

    async def annotate(
        self, id_: ObjectId, *, tags: Sequence[str] | None = None, rating: str | None = None, note: str | None = None
    ) -> bool:
        """Set annotations of an interaction that is open to whoever asks."""
        if not await self._is_open(id_):
            return False
        return await self._store.annotate(id_, tags=tags, rating=rating, note=note)

    async def get(self, id_: ObjectId) -> Interaction | None:
        """The whole document, if it is open to whoever asks."""
        document = await self._store.get(id_)
        return document if document is not None and may_see(document["client"]["user"]) else None

    async def raw(self, id_: ObjectId, side: Side) -> bytes | None:
        """The exact bytes of one body, if the interaction is open to whoever asks."""
        return await self._store.raw(id_, side) if await self._is_open(id_) else None

    async def list(
        self, where: Filter, *, order: Order = "newest", after: Place | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents that are open to whoever asks."""
        return await self._store.list(where & _own(), order=order, after=after, limit=limit)

    async def sorted_list(
        self, where: Filter, by: SortKey, *, after: SortedPlace | None = None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Matching documents that are open to whoever asks, by a number."""
        return await self._store.sorted_list(where & _own(), by, after=after, limit=limit)

    async def facets(self, where: Filter) -> Facets:
        """Values of fields in what is open to whoever asks."""
        return await self._store.facets(where & _own())

    def scan(self, where: Filter) -> AsyncIterator[Interaction]:
        """Every matching document that is open to whoever asks."""
        return self._store.scan(where & _own())

    async def count(self, where: Filter) -> int:
        """Number of matching interactions that are open to whoever asks."""
        return await self._store.count(where & _own())

    async def statistics(
        self, where: Filter, *, bucket: Bucket | None = None, by: By | None = None
    ) -> Sequence[StatRow]:
        """Statistics of what is open to whoever asks."""
        return await self._store.statistics(where & _own(), bucket=bucket, by=by)

    async def tools(self, where: Filter) -> Sequence[ToolRow]:
        """Statistics of tools in what is open to whoever asks."""
        return await self._store.tools(where & _own())

    async def threads(
        self, where: Filter, *, limit: int, sort: ThreadSort = "latest", cursor: str | None = None
    ) -> ThreadPage:
        """Threads of what is open to whoever asks. No thread has interactions of two users."""
        return await self._store.threads(where & _own(), limit=limit, sort=sort, cursor=cursor)

    async def _is_open(self, id_: ObjectId) -> bool:
        own = _own()
        return not own.terms or bool(await self._store.list(Filter(Condition("id", (Is(id_),))) & own, limit=1))
