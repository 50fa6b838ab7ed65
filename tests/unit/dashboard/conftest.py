"""The dashboard over a real store and a real spool, driven over ASGI."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from gemtap.access.key_file import Access
from gemtap.capture.spool import Spool
from gemtap.dashboard.api_replays import Replaying
from gemtap.dashboard.app import make_dashboard
from gemtap.dashboard.sessions import DashboardAccess
from gemtap.desk.key_keeping import DeskKeys
from gemtap.desk.limiting import DeskLimits
from gemtap.limits.in_force import LimitsInForce
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assembling import read_document
from gemtap.recorder.limit_counter import LimitCounter
from gemtap.recorder.progress import Progress
from gemtap.settings import Settings
from gemtap.stores.base import Record, Store
from gemtap.stores.opening import open_store
from gemtap.workers import Workers, preload
from tests.records import make_record

WORKERS = Workers(1, memory=2**30)


@pytest.fixture(scope="session", autouse=True)
def workers() -> Iterator[Workers]:
    """One worker for all tests: starting it takes most of a second."""
    preload(["gemtap.desk.preloaded"])
    yield WORKERS
    WORKERS.close()


@dataclass
class Site:
    """The dashboard, and what it stands on."""

    store: Store
    spool: Spool
    progress: Progress
    browser: httpx.AsyncClient
    app: ASGIApp
    limits: DeskLimits

    async def keep(self, **fields: Any) -> str:
        """Store a record with these fields, and give its id."""
        record = make_record(**fields)
        await self.store.put([record])
        return id_of(record)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.browser.get(path, headers=headers)

    async def page(self, path: str, status: int = 200) -> str:
        """The HTML of a page."""
        answer = await self.get(path)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.text

    async def api(self, path: str) -> Any:
        """The JSON at `/api/PATH`."""
        answer = await self.get(f"/api/{path}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    async def changing(self) -> dict[str, str]:
        """The headers with which a page of this desk changes something."""
        token = re.search(r'name="gemtap-token" content="([^"]+)"', await self.page("/setup"))
        assert token is not None
        return {"x-gemtap-token": token[1], "origin": "http://localhost:4361"}

    async def changing_as(self, key: str) -> dict[str, str]:
        """The same, for whoever has an access key."""
        page = (await self.get("/setup", authorization=f"Bearer {key}")).text
        token = re.search(r'name="gemtap-token" content="([^"]+)"', page)
        assert token is not None
        return {"x-gemtap-token": token[1], "origin": "http://localhost:4361"}

    async def refusal(self, path: str) -> tuple[int, str]:
        """Status and message of an answer that is an error."""
        answer = await self.get(path)
        error = answer.json()
        assert list(error) == ["error"]
        assert list(error["error"]) == ["message"]
        return answer.status_code, error["error"]["message"]


def id_of(record: Record) -> str:
    return str(record.document["_id"])


@asynccontextmanager
async def site_over(
    store: Store,
    folder: Path,
    access: DashboardAccess | None = None,
    replays: Replaying | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """The site over a store, whatever state this is in."""
    spool = Spool(folder / "spool")
    spool.create()
    progress = Progress()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    made = Settings(data_dir=folder, **settings)
    in_force = LimitsInForce(folder)
    counter = LimitCounter(folder, store, in_force)
    keys = Access(folder) if access is None else access.keys
    limits = DeskLimits(made, store, in_force, counter, keys)
    app = make_dashboard(
        made,
        store,
        spool,
        progress,
        read_capture=partial(read_document, providers=PROVIDERS, redactor=None),
        workers=WORKERS,
        replays=replays,
        access=access,
        limiting=limits,
        key_keeping=DeskKeys(folder, store, keys),
        lifespan=lifespan,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:4361") as browser:
        try:
            yield Site(store, spool, progress, browser, app, limits)
        finally:
            counter.close()
            await store.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    store = open_store(f"sqlite:///{tmp_path / 'gemtap.db'}")
    await store.open()
    async with site_over(store, tmp_path) as site:
        yield site


@pytest.fixture
async def lost_site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose store cannot be reached."""
    store = open_store("mongodb://me:secret-word@127.0.0.1:1/gemtap?serverSelectionTimeoutMS=200")
    async with site_over(store, tmp_path) as site:
        yield site
