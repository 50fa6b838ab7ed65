"""The dashboard, and the recorder that runs beside it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from bson import ObjectId
from fastapi import FastAPI
from starlette.types import ASGIApp

from gemtap.access.key_file import Access, KeyFile
from gemtap.capture.capture_policy import SpoolLimits
from gemtap.capture.spool import Spool
from gemtap.dashboard.app import make_dashboard
from gemtap.dashboard.sessions import DashboardAccess
from gemtap.desk.key_keeping import DeskKeys
from gemtap.desk.limit_warnings import LimitWarnings
from gemtap.desk.limiting import DeskLimits
from gemtap.desk.warning_ways import WarningWays
from gemtap.durable_files import load_secret
from gemtap.interaction import Interaction
from gemtap.limits.in_force import LimitsInForce
from gemtap.limits.limit_file import LimitFile
from gemtap.list_file import watch
from gemtap.providers.configured import register
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assembling import read_document
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.live_threads import LiveThreads
from gemtap.recorder.recorder import Recorder
from gemtap.recorder.redact import redactor_of
from gemtap.replay.desk import Replays
from gemtap.settings import Settings
from gemtap.stores.opening import open_store
from gemtap.upkeep.daily import prune_daily
from gemtap.upkeep.shared_lists import follow_shared_list
from gemtap.workers import Workers, preload

if TYPE_CHECKING:
    from gemtap.dashboard.openid import OpenId

_log = logging.getLogger(__name__)

_CANCEL_AGAIN: Final = 1.0
"""Seconds after which a task that was cancelled and goes on is cancelled again."""

_LAST_BATCHES: Final = 7.0
"""Seconds that the recorder has after the dashboard's shutdown. The supervisor waits for ten in total."""


_PAGE_WORKERS: Final = 2
_PAGE_MEMORY: Final = 2**30
"""Memory limit for rendering the page of one document, including the document, in bytes."""

_RECORDING_WORKERS: Final = 2
"""One for captures, and one for documents that are indexed for searches later."""

_RECORDING_MEMORY: Final = 4 * 2**30
"""Memory limit for assembling, in bytes. Two bodies of `capture_max_body` (256 MiB) take several times their size."""

_READING_SECONDS: Final = 1.0
"""CPU time limit for reading a running capture, each time that it has grown, in seconds."""


def make_desk(settings: Settings) -> ASGIApp:
    """Create the dashboard for the settings, and the recorder that runs as long as the dashboard."""
    spool = Spool(settings.spool_dir)
    store = open_store(settings.store_url)
    spool_limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
    redactor = redactor_of(settings)
    # Workers are new processes, which know only the providers that are installed.
    prepare = partial(register, settings.providers.definitions)
    recording_workers = Workers(_RECORDING_WORKERS, memory=_RECORDING_MEMORY, prepare=prepare)
    limits_in_force = _limits(settings)
    limit_counter = LimitCounter(settings.data_dir, store, limits_in_force, settings.providers.definitions)
    recorder = Recorder(spool, store, PROVIDERS, spool_limits, redactor, recording_workers, limit_counter)

    warning_ways = WarningWays(settings)
    limit_warnings = LimitWarnings(settings, store, limit_counter, recorder.progress, warning_ways)

    def read_capture(capture: bytes, id_: ObjectId) -> Interaction:
        return page_workers.call(_READING_SECONDS, read_document, capture, id_, None, redactor)

    preload(["gemtap.desk.preloaded"])
    page_workers = Workers(_PAGE_WORKERS, memory=_PAGE_MEMORY, prepare=prepare)
    access = _access(settings)
    replays = Replays(settings, store, os.environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        spool.create()
        try:
            async with watch(access.keys, limits_in_force), replays.open(), asyncio.TaskGroup() as tasks:
                recording = tasks.create_task(recorder.run())
                others = (
                    prune_daily(settings, store),
                    follow_shared_list(KeyFile(settings.data_dir), store),
                    follow_shared_list(LimitFile(settings.data_dir), store),
                    limit_counter.run(),
                    limit_warnings.run(),
                    warning_ways.run(),
                    recording_workers.start(),
                    page_workers.start(),
                )
                beside = [tasks.create_task(each) for each in others]
                yield
                await end_all(beside)
                recorder.stop()
                _, late = await asyncio.wait([recording], timeout=_LAST_BATCHES)
                if late:
                    _log.warning("Some captures are not recorded yet. They wait in the spool for the next start.")
                await end_all(late)
        finally:
            await asyncio.to_thread(page_workers.close)
            await asyncio.to_thread(recording_workers.close)
            limit_counter.close()
            await store.close()

    return make_dashboard(
        settings,
        store,
        spool,
        recorder.progress,
        read_capture=read_capture,
        workers=page_workers,
        replays=replays,
        threads_of=LiveThreads(store).of,
        access=access,
        key_keeping=DeskKeys(settings.data_dir, store, access.keys),
        limiting=DeskLimits(settings, store, limits_in_force, limit_counter, access.keys),
        lifespan=lifespan,
    )


async def end_all(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks, again and again until they have ended.

    PyMongo can turn a cancellation into an error of its own. A loop that goes on after errors would never end then, and
    the process would keep the spool from the next Gemtap.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN)


def _limits(settings: Settings) -> LimitsInForce:
    """Raises OSError: damaged limits must not become none."""
    try:
        return LimitsInForce(settings.data_dir)
    except OSError as exc:
        _log.error("The dashboard cannot start: %s", exc)
        raise


def _access(settings: Settings) -> DashboardAccess:
    """Raises OSError."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        secret = load_secret(settings.data_dir / "session.key")
        return DashboardAccess(
            Access(settings.data_dir, always=settings.is_exposed),
            secret,
            secure=settings.dashboard_scheme == "https" or settings.behind_tls,
            trusted_fronts=frozenset(settings.trusted_fronts),
            openid=_openid(settings, secret) if settings.oidc_issuer else None,
        )
    except OSError as exc:
        _log.error("The dashboard cannot start: %s", exc)
        raise


def _openid(settings: Settings, secret: bytes) -> OpenId:
    """Raises OSError."""
    from gemtap.dashboard.openid import OpenId, OpenIdSettings

    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    return OpenId(OpenIdSettings(issuer, client_id, settings.oidc_client_secret, settings.oidc_claim), secret)
