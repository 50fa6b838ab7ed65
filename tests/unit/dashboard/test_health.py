"""What is said of how recording goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap import __version__
from gemtap.capture.spool import SUFFIX
from gemtap.dashboard.filters import size
from tests.captures import make_capture
from tests.unit.dashboard.conftest import Site

pytestmark = pytest.mark.anyio


def capture_in(folder: Path, id_: ObjectId | None = None) -> Path:
    path = folder / f"{id_ or ObjectId()}{SUFFIX}"
    path.write_bytes(make_capture())
    return path


async def test_the_process_answers_whatever_becomes_of_the_store(site: Site, lost_site: Site) -> None:
    """`/healthz` does not depend on the store."""
    for each in (site, lost_site):
        answer = await each.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


async def test_all_is_well(site: Site, tmp_path: Path) -> None:
    """`/readyz` is 200 if everything works."""
    answer = await site.get("/readyz")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "ok"
    assert told["store"] == f"sqlite:///{tmp_path}/gemtap.db"
    assert (told["backlog"], told["failed"], told["error"], told["oldest"]) == (0, 0, None, None)


async def test_captures_that_wait_are_counted(site: Site) -> None:
    """Waiting captures are counted."""
    id_ = ObjectId()
    capture_in(site.spool.ready, id_)
    capture_in(site.spool.ready)
    told = (await site.get("/readyz")).json()
    assert told["backlog"] == 2
    assert told["oldest"] == f"{id_.generation_time:%Y-%m-%dT%H:%M:%S}.000Z"


async def test_captures_that_failed_are_counted_and_told_of_on_each_page(site: Site) -> None:
    """Failed captures are counted, and reported on every page."""
    for _ in range(2):
        site.spool.fail(capture_in(site.spool.ready).name, "it is no capture")
    answer = await site.get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (200, 2)
    for path in ("/", "/setup"):
        page = await site.page(path)
        assert "2 captures could not be stored" in page
        assert "spool/failed" in page


async def test_a_store_that_is_away_is_degraded(lost_site: Site) -> None:
    """An unreachable store makes the state degraded."""
    capture_in(lost_site.spool.ready)
    answer = await lost_site.get("/readyz")
    assert answer.status_code == 503
    told = answer.json()
    assert told["status"] == "degraded"
    assert told["backlog"] == 1
    assert "Start MongoDB" in told["error"]
    assert "secret-word" not in answer.text


async def test_a_recorder_that_cannot_is_degraded_though_the_store_can_be_read(site: Site) -> None:
    """A failing recorder makes the state degraded."""
    site.progress.last_error = "The disk is full."
    answer = await site.get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "The disk is full.")
    page = await site.page("/")
    assert "Not recording." in page
    assert "The disk is full." in page


async def test_the_page_tells_how_large_the_store_is_and_how_it_grows(site: Site) -> None:
    """The page shows the size of the store and its growth."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    for days, requests in ((0, 5), (1, 2), (3, 4)):
        for _ in range(requests):
            await site.keep(timestamp=today - timedelta(days=days))
    await site.keep(timestamp=today - timedelta(days=100), error={"message": "It broke off.", "details": None})
    page = await site.page("/health")
    assert "<dt>Stored</dt><dd>12</dd>" in page
    space = await site.store.maintenance.space()
    assert f"<dt>Disk space</dt><dd>{size(space.used)}</dd>" in page
    assert f"<dt>Average interaction</dt><dd>{size(space.used / 12)}</dd>" in page
    # There were two complete days with requests: one with two and one with four.
    assert f"<dt>Growth</dt><dd>{size(space.used / 12 * 3)}</dd>" in page
    assert f"{today:%Y-%m-%d}: 5" in page
    assert "It broke off." in page


async def test_the_page_is_there_while_the_store_is_away(lost_site: Site) -> None:
    """The page works while the store is unreachable."""
    page = await lost_site.page("/health")
    assert page.count("The store is not available now.") == 2
    assert "On the disk" not in page
    assert "secret-word" not in page
