"""`capture_sync = always`: no byte is forwarded before it is on the disk, which is slow or broken here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wire.peers import ScriptedUpstream, request, response
from tests.wire.running_tap import RunningTap

StartTap = Callable[..., RunningTap]

DISK = """
import errno, os, pathlib, time
control, real = pathlib.Path({control!r}), os.fdatasync

def fdatasync(descriptor):
    while (control / "slow").exists():
        time.sleep(0.01)
    if (control / "broken").exists():
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real(descriptor)

os.fdatasync = fdatasync
"""
"""Python runs this at startup. While a file with that name exists, the disk is slow or broken."""


class Disk:
    """Controls the disk of a tap."""

    def __init__(self, folder: Path) -> None:
        self._control = folder / "control"
        self._control.mkdir()
        (folder / "sitecustomize.py").write_text(DISK.format(control=str(self._control)))
        self.environment = {"PYTHONPATH": str(folder)}

    def is_(self, state: str) -> None:
        (self._control / state).touch()

    def is_no_longer(self, state: str) -> None:
        (self._control / state).unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_no_chunk_goes_on_before_the_disk_has_it(start_tap: StartTap, upstream: ScriptedUpstream, disk: Disk) -> None:
    """Neither the request nor the response is forwarded before it is synced; the tap serves others meanwhile."""
    tap = start_tap(environment=disk.environment, capture_sync="always")
    with tap.connect() as client:
        disk.is_("slow")
        client.send(request())
        assert upstream.nobody_calls()
        assert tap.health()["status"] == "ok"
        disk.is_no_longer("slow")
        peer = upstream.accept()
        peer.take_request()
        disk.is_("slow")
        peer.send(response("Connection: close", body=b'{"ok": 1}'))
        assert client.is_silent()
        assert tap.health()["status"] == "ok"
        disk.is_no_longer("slow")
        head, body = client.take_response()
        assert body == b'{"ok": 1}'
        peer.close()
    assert tap.captured(head).events[-1].value["outcome"] == "complete"


def test_the_system_decides_unless_it_is_asked_for(start_tap: StartTap, upstream: ScriptedUpstream, disk: Disk) -> None:
    """By default, a chunk waits for no sync."""
    tap = start_tap(environment=disk.environment)
    disk.is_("slow")
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Connection: close", body=b'{"ok": 1}'))
        assert client.take_response()[1] == b'{"ok": 1}'
        peer.close()
    disk.is_no_longer("slow")


def test_a_disk_that_fails_is_counted_and_traffic_goes_on(
    start_tap: StartTap, upstream: ScriptedUpstream, disk: Disk
) -> None:
    """A failing disk counts as a loss, and traffic continues."""
    tap = start_tap(environment=disk.environment, capture_sync="always")
    disk.is_("broken")
    with tap.connect() as client:
        client.send(request())
        peer = upstream.accept()
        peer.take_request()
        peer.send(response("Connection: close", body=b'{"ok": 1}'))
        assert client.take_response()[1] == b'{"ok": 1}'
        peer.close()
    assert tap.health()["captures_lost"] == 1
    assert "Input/output error" in tap.health()["last_loss"]


def test_a_disk_that_fails_refuses_where_a_record_is_a_must(
    start_tap: StartTap, upstream: ScriptedUpstream, disk: Disk
) -> None:
    """With `when_full = refuse`, a failing disk gives a 503."""
    tap = start_tap(environment=disk.environment, capture_sync="always", when_full="refuse")
    disk.is_("broken")
    with tap.connect() as client:
        client.send(request())
        head, _ = client.take_response()
    assert head.status == 503
    assert upstream.nobody_calls(0)
