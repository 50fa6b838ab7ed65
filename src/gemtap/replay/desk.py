"""Replays for the dashboard. They continue even if the page is closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId

from gemtap.interaction import Interaction
from gemtap.providers.documents import price_of_tokens, writes
from gemtap.providers.registry import PROVIDERS
from gemtap.replay.keys import has_key, needs_key
from gemtap.replay.request import CannotReplay, Changes, request_of
from gemtap.replay.sending import Replay, Sender, sender
from gemtap.settings import Settings
from gemtap.stores.base import Store
from gemtap.tap.errors import ExchangeFault

_log = logging.getLogger(__name__)

_MOST: Final = 20
"""Maximum number of concurrent replays."""


class Replays:
    """Sends recorded requests again while its `open` is entered."""

    def __init__(self, settings: Settings, store: Store, environment: Mapping[str, str]) -> None:
        """Keys come from `environment`."""
        self._settings = settings
        self._store = store
        self._environment = environment
        self._resources: AsyncExitStack | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._sender: Sender | None = None
        self._beginning = asyncio.Lock()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept replays. At exit, running replays are cancelled, and recorded as such."""
        async with AsyncExitStack() as resources, asyncio.TaskGroup() as tasks:
            self._resources, self._tasks = resources, tasks
            yield
            self._resources = self._tasks = None
            for task in self._running:
                task.cancel()

    def targets(self, document: Interaction) -> Sequence[tuple[str, str]]:
        """Name and title of each provider that may be asked: its own first, then the others by title.

        Others need a conversation. Those that need no key, such as a local server that may not run, are no reason by
        themselves to offer a replay.
        """
        own = document["provider"]
        keyed = [name for name in PROVIDERS if has_key(name, self._environment)]
        others = [name for name in keyed if name != own and writes(name)] if document["thread"] is not None else []
        if own not in keyed and not any(needs_key(name) for name in others):
            return []
        titles = {name: PROVIDERS[name].wire.title for name in keyed}
        return [
            *((name, titles[name]) for name in keyed if name == own),
            *sorted(((name, titles[name]) for name in others), key=lambda each: each[1].casefold()),
        ]

    def elsewhere(self, document: Interaction, *, model: str, provider: str) -> tuple[Sequence[str], float | None]:
        """What another provider could not be asked, in clauses, and about what it would cost in US dollars.

        Raises CannotReplay.
        """
        request = request_of(document, b"", Changes(model, None, provider), self._settings.providers.upstreams())
        path, now = request.path.decode("utf-8", "replace"), datetime.now(UTC)
        cost = price_of_tokens(provider, path, model, document["tokens"], now)
        return request.lost, None if cost is None else cost["usd"]

    async def begin(
        self,
        id_: ObjectId,
        *,
        model: str | None,
        values: Mapping[str, Any],
        provider: str | None = None,
        user: str | None = None,
    ) -> ObjectId | None:
        """Start a replay of an interaction, for a user.

        Returns the id of the new one, or None if the original does not exist, once the request is on its way. Raises
        CannotReplay and StoreError.
        """
        document, raw = await self._store.get(id_), await self._store.raw(id_, "request")
        if document is None or raw is None:
            return None
        request = request_of(
            document, raw, Changes(model, None, provider, values), self._settings.providers.upstreams()
        )
        async with self._beginning:
            if self._resources is None or self._tasks is None:
                raise CannotReplay("Gemtap is shutting down. Try again when it runs.")
            if len(self._running) >= _MOST:
                raise CannotReplay(f"{_MOST} replays are running already. Try again when one is finished.")
            if self._sender is None:
                # Opened at the first replay, so that a desk without replays creates no folder for captures.
                self._sender = await self._resources.enter_async_context(sender(self._settings, self._environment))
            replay = self._sender.begin(request, user)
            task = self._tasks.create_task(_run(replay))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return replay.id


async def _run(replay: Replay) -> None:
    try:
        async for _ in replay.run():
            pass
    except ExchangeFault as fault:
        _log.info("The replay %s did not finish: %s", replay.id, fault)
    except Exception:
        _log.exception("The replay %s failed", replay.id)
