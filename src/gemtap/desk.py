"""The desk as a process: `python -m gemtap.desk DESCRIPTOR`, started by the supervisor.

It holds the recorder and the dashboard. It may be away for as long as it likes: captures wait in the spool.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from gemtap.capture.keeping import SpoolLimits
from gemtap.capture.spool import Spool
from gemtap.dashboard.app import make_dashboard
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.drain import Recorder
from gemtap.recorder.redact import Redactor
from gemtap.replay.desk import Replays
from gemtap.serving import child_settings, log_to_stderr, run_child
from gemtap.settings import Settings
from gemtap.stores.opening import open_store
from gemtap.upkeep.daily import prune_daily

_log = logging.getLogger(__name__)

_GRACE: Final = 2.0
"""Seconds that readers of the dashboard get at shutdown."""

_LAST_BATCHES: Final = 7.0
"""Seconds that the recorder gets after them; the supervisor waits for ten."""


def make_desk(settings: Settings) -> ASGIApp:
    """The dashboard of these settings, and the recorder that runs for as long as the dashboard does."""
    spool = Spool(settings.spool_dir)
    store = open_store(settings.store_url)
    limits = SpoolLimits(settings.spool_max_bytes, settings.disk_min_free_bytes)
    redactor = Redactor(settings.redact_patterns) if settings.redact_patterns else None
    recorder = Recorder(spool, store, PROVIDERS, limits, redactor)

    replays = Replays(settings, store, os.environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        spool.create()
        try:
            async with replays.open(), asyncio.TaskGroup() as tasks:
                recording = tasks.create_task(recorder.run())
                pruning = tasks.create_task(prune_daily(settings, store))
                yield
                pruning.cancel()
                recorder.stop()
                _, late = await asyncio.wait([recording], timeout=_LAST_BATCHES)
                for task in late:
                    _log.warning("Some captures are not recorded yet. They wait in the spool for the next start.")
                    task.cancel()
        finally:
            await store.close()

    return make_dashboard(
        settings,
        store,
        spool,
        recorder.progress,
        read_capture=recorder.read_capture,
        replays=replays,
        lifespan=lifespan,
    )


def main() -> None:
    """Serve until told to end."""
    settings = child_settings()
    log_to_stderr(settings, "desk")
    # What they tell of starts, ends and changes says nothing to those who read this log.
    for name in ("uvicorn", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)
    run_child(make_desk(settings), settings, grace=_GRACE)


if __name__ == "__main__":
    main()
