"""The spool's folders, and what a tap writes into them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture import tap_folder
from gemtap.capture.backlog import Backlog
from gemtap.capture.events import Kind, read_events
from gemtap.capture.frames import LARGEST_IN_JOURNAL
from gemtap.capture.spool import Spool, capture_id, hand_on, hand_on_losses, lock_folder
from gemtap.capture.tap_folder import Capture, TapFolder
from tests.spooled import ended, under_way


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "data" / "spool")
    spool.create()
    return spool


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def values(capture: bytes) -> list[object]:
    return [event.value for event in read_events(capture)]


def test_nobody_else_can_read_what_is_in_it(spool: Spool) -> None:
    """Whatever the umask, and even if the folder was there before with other permissions."""
    spool.open.chmod(0o755)
    mask = os.umask(0)
    try:
        spool.create()
        folder = TapFolder(spool)
        capture = folder.capture(ObjectId())
        capture.move()
        spool.fail(_ready(spool).name, "reason")
        spool.fail(f"{ObjectId()}.capture", "reason", b"from a segment")
    finally:
        os.umask(mask)
    files = [path for path in spool.path.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert {mode(path) for path in files} == {0o600}
    assert {mode(path) for path in spool.path.rglob("*") if path.is_dir()} == {0o700}
    capture.close()
    folder.close()


def _ready(spool: Spool) -> Path:
    path = spool.ready / f"{ObjectId()}.capture"
    path.touch(mode=0o600)
    return path


def test_a_capture_is_ready_only_when_it_has_ended(spool: Spool) -> None:
    """It waits once it has ended, not before; all of it is in one segment, which nothing but appends have changed."""
    folder, id_ = TapFolder(spool), ObjectId()
    capture = folder.capture(id_)
    capture.write(Kind.REQUEST_BODY, 5, b"abc")
    assert ended(spool.path) == {}
    # Unbuffered: what was written is there for whoever looks after a crash.
    assert [values(each) for each in under_way(spool.path).values()] == [[b"abc"]]
    capture.write(Kind.END, 6, {})
    assert list(ended(spool.path)) == [id_]
    capture.close()
    assert values(ended(spool.path)[id_]) == [b"abc", {}]
    assert len(list(folder.path.iterdir())) == 1
    assert Backlog(spool).look() == (1, id_.generation_time)
    folder.close()


def test_what_is_held_is_written_at_once_when_it_is_released(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held events are written in one call when they are released, and an exchange needs no other calls."""
    calls: list[bytes] = []
    written = os.pwrite

    def pwrite(file: int, data: bytes, offset: int) -> int:
        calls.append(data)
        return written(file, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    folder = TapFolder(spool)
    capture = folder.capture(ObjectId())
    capture.hold()
    capture.write(Kind.REQUEST_BODY, 5, b"abc")
    # A second hold loses nothing of what was held before.
    capture.hold()
    capture.write(Kind.REQUEST_BODY, 6, b"def")
    assert calls == []
    capture.release()
    assert [values(each) for each in under_way(spool.path).values()] == [[b"abc", b"def"]]
    capture.release()
    capture.hold()
    capture.write(Kind.REQUEST_BODY, 7, b"ghi")
    capture.write(Kind.END, 8, {})
    capture.release()
    capture.close()
    assert len(calls) == 2
    assert [values(each) for each in ended(spool.path).values()] == [[b"abc", b"def", b"ghi", {}]]
    folder.close()


def test_the_oldest_comes_first(spool: Spool) -> None:
    """Waiting captures in files are sorted by age."""
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    for moment in moments:
        (spool.ready / f"{ObjectId.from_datetime(moment)}.capture").touch()
    (spool.ready / "notes.txt").touch()
    assert Backlog(spool).look() == (3, moments[1])
    assert capture_id(spool.waiting()[0]) == ObjectId.from_datetime(moments[1])


def test_an_empty_spool_has_no_oldest(spool: Spool) -> None:
    """An empty spool has no oldest capture."""
    assert Backlog(spool).look() == (0, None)


def test_a_large_exchange_goes_on_in_a_file_of_its_own(spool: Spool) -> None:
    """The file has all of its events; it is handed on at the end like any capture of an earlier version."""
    folder, id_ = TapFolder(spool), ObjectId()
    capture = folder.capture(id_)
    pieces = [bytes([number]) * 100_000 for number in range(8)]
    for number, piece in enumerate(pieces):
        capture.write(Kind.RESPONSE_BODY, number, piece)
        assert values(capture.read()) == pieces[: number + 1]
        assert [values(each) for each in under_way(spool.path).values()] == [pieces[: number + 1]]
    (segment,) = folder.path.glob("*.segment")
    assert segment.stat().st_size < LARGEST_IN_JOURNAL + 1000
    capture.write(Kind.END, 9, {})
    capture.close()
    assert [path.name for path in spool.waiting()] == [f"{id_}.capture"]
    assert values(spool.waiting()[0].read_bytes()) == [*pieces, {}]
    assert Backlog(spool).look() == (1, id_.generation_time)
    folder.close()


def test_a_large_first_event_is_written_once(spool: Spool) -> None:
    """It goes to the file directly."""
    folder = TapFolder(spool)
    capture = folder.capture(ObjectId())
    capture.write(Kind.REQUEST_BODY, 0, b"x" * LARGEST_IN_JOURNAL)
    assert [path.stat().st_size for path in folder.path.glob("*.segment")] == [0]
    capture.close()
    assert len(spool.waiting()) == 1
    folder.close()


@pytest.mark.anyio
async def test_long_exchanges_keep_no_segment(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upkeep gives them files of their own, whatever they do, and begins a new segment now and then."""
    folder = TapFolder(spool)
    long = [folder.capture(ObjectId()) for _ in range(50)]
    for capture in long:
        capture.write(Kind.REQUEST_BODY, 0, b"x")
    await folder.upkeep()
    assert len(list(folder.path.iterdir())) == 1
    monkeypatch.setattr(tap_folder, "LONG_SECONDS", 0)
    monkeypatch.setattr(tap_folder, "SEGMENT_SECONDS", 0)
    await folder.upkeep()
    assert not folder.open
    assert len(list(folder.path.glob("*.capture"))) == 50
    assert len(list(folder.path.glob("*.segment"))) == 2
    for capture in long:
        capture.write(Kind.END, 1, {})
        capture.close()
    assert sorted(values(each)[0] for each in ended(spool.path).values()) == [b"x"] * 50  # type: ignore[type-var]
    folder.close()


class FullDisk:
    """A disk that takes only some more bytes: writes are cut short, and then fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 2**40
        self._write = os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, file: int, data: bytes, offset: int) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(file, data[: self.room], offset)
        self.room -= written
        return written


def test_a_full_disk_costs_no_later_exchange(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written of a frame, those that follow are read, and the cut exchange ends as interrupted."""
    disk = FullDisk(monkeypatch)
    folder = TapFolder(spool)
    for room in range(0, 60, 7):
        disk.room = 2**40
        capture = folder.capture(ObjectId())
        capture.write(Kind.REQUEST_BODY, 0, b"before")
        disk.room = room
        with pytest.raises(OSError, match="No space left"):
            capture.write(Kind.REQUEST_BODY, 1, b"torn" * 10)
        capture.close()
        disk.room = 2**40
        _whole(folder)
    found = ended(spool.path)
    assert len(found) == 18
    assert sorted(map(len, map(values, found.values()))) == [1] * 9 + [2] * 9
    assert not under_way(spool.path)
    folder.close()


def _whole(folder: TapFolder) -> Capture:
    capture = folder.capture(ObjectId())
    capture.write(Kind.REQUEST_BODY, 0, b"after")
    capture.write(Kind.END, 1, {})
    capture.close()
    return capture


def test_a_segment_that_somebody_deletes_is_noticed(spool: Spool) -> None:
    """The next exchange begins a new one; where the folder is gone too, it cannot be captured."""
    folder = TapFolder(spool)
    _whole(folder)
    for path in folder.path.iterdir():
        path.unlink()
    _whole(folder)
    assert len(ended(spool.path)) == 1
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    with pytest.raises(OSError, match="No such file"):
        folder.capture(ObjectId())
    folder.close()


def test_what_can_never_be_stored_is_kept_with_the_reason(spool: Spool) -> None:
    """A failed capture is kept in `failed/` with the reason beside it."""
    path = _ready(spool)
    spool.fail(path.name, "it is torn")
    assert spool.waiting() == []
    assert spool.failed_count() == 1
    assert (spool.failed / path.name).exists()
    assert (spool.failed / f"{path.name}.reason.txt").read_text() == "it is torn\n"


HOLDER = """
import sys, time
from pathlib import Path
from bson import ObjectId
from gemtap.capture.events import Kind
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import TapFolder
folder = TapFolder(Spool(Path(sys.argv[1])))
capture = folder.capture(ObjectId())
capture.write(Kind.REQUEST_BODY, 1, b"first")
large = folder.capture(ObjectId())
large.write(Kind.REQUEST_BODY, 1, b"second")
large.move()
print("open", flush=True)
time.sleep(60)
"""


def test_only_a_dead_taps_captures_are_handed_on(spool: Spool) -> None:
    """A process that is really killed, and one that lives."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(spool.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        living = TapFolder(spool)
        mine = living.capture(ObjectId())
        mine.move()
        (dead,) = set(spool.taps()) - {living.path}
        assert lock_folder(dead) is None
        assert lock_folder(living.path) is None
        assert Backlog(spool).look()[0] == 0
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    lock = lock_folder(dead)
    assert lock is not None
    hand_on(spool, dead)
    os.close(lock)
    assert len(spool.waiting()) == 1
    assert Backlog(spool).look()[0] == 2
    assert sorted(map(values, ended(spool.path).values())) == [[b"first"], [b"second"]]
    mine.close()
    living.close()


def test_strange_files_among_the_taps_folders_are_left_alone(spool: Spool) -> None:
    """Foreign files in `open/` are neither moved nor deleted."""
    (spool.open / "file").touch()
    (spool.open / "dead").mkdir()
    (spool.open / "dead" / "README").touch()
    (spool.open / "dead" / "foreign.segment").write_bytes(b"four")
    assert spool.size() == 4
    hand_on_losses(spool)
    hand_on(spool, spool.open / "dead")
    assert (spool.open / "file").exists()
    assert (spool.open / "dead" / "README").exists()


def test_the_spare_files_of_an_earlier_version_are_deleted(spool: Spool) -> None:
    """They are empty, and nothing uses them any more."""
    (spool.path / "spare").mkdir()
    (spool.path / "spare" / "a.capture").touch()
    spool.create()
    assert not (spool.path / "spare").exists()


def test_a_name_that_is_no_id_is_no_capture() -> None:
    """A file whose name is no id is no capture."""
    assert capture_id(Path("ready/zzz.capture")) is None
