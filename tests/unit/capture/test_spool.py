"""The spool's folders, and the captures that move between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.capture.events import Kind, read_events
from gemtap.capture.spool import MOST_SPARES, Spool, TapFolder, capture_id, hand_on_orphans


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "data" / "spool")
    spool.create()
    return spool


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_can_read_what_is_in_it(spool: Spool) -> None:
    """Whatever the umask, and even if the folder was there before with other permissions."""
    spool.open.chmod(0o755)
    mask = os.umask(0)
    try:
        spool.create()
        folder = TapFolder(spool)
        capture = folder.capture(ObjectId())
        spool.fail(_ready(spool), "reason")
    finally:
        os.umask(mask)
    files = [path for path in spool.path.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert {mode(path) for path in files} == {0o600}
    assert {mode(path) for path in spool.path.rglob("*") if path.is_dir()} == {0o700}
    capture.close()
    folder.close()


def _ready(spool: Spool) -> Path:
    path = spool.ready / f"{ObjectId()}.capture"
    path.touch(mode=0o600)
    return path


def test_a_capture_is_ready_only_when_it_has_ended(spool: Spool) -> None:
    """A capture moves to `ready/` when it is closed, not before."""
    folder, id_ = TapFolder(spool), ObjectId()
    capture = folder.capture(id_)
    capture.write(Kind.REQUEST_BODY, 5, b"abc")
    assert spool.waiting() == []
    # Unbuffered: what was written is there for whoever looks after a crash.
    (path,) = folder.path.iterdir()
    assert [event.value for event in read_events(path.read_bytes())] == [b"abc"]
    capture.close()
    (ready,) = spool.waiting()
    assert capture_id(ready) == id_
    folder.close()
    assert list(spool.open.iterdir()) == []


def test_what_is_held_is_written_at_once_when_it_is_released(spool: Spool) -> None:
    """Held events are written in one call when they are released."""
    folder = TapFolder(spool)
    capture = folder.capture(ObjectId())
    (path,) = folder.path.iterdir()
    capture.hold()
    capture.write(Kind.REQUEST_BODY, 5, b"abc")
    # Whoever holds without knowing that it is done already loses nothing of what was held before.
    capture.hold()
    capture.write(Kind.REQUEST_BODY, 6, b"def")
    assert path.read_bytes() == b""
    capture.release()
    assert [event.value for event in read_events(path.read_bytes())] == [b"abc", b"def"]
    capture.release()
    capture.write(Kind.REQUEST_BODY, 7, b"ghi")
    assert [event.value for event in read_events(path.read_bytes())] == [b"abc", b"def", b"ghi"]
    capture.close()
    folder.close()


def test_the_oldest_comes_first(spool: Spool) -> None:
    """Waiting captures are sorted by age."""
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    for moment in moments:
        (spool.ready / f"{ObjectId.from_datetime(moment)}.capture").touch()
    (spool.ready / "notes.txt").touch()
    assert spool.oldest() == (3, moments[1])
    assert capture_id(spool.waiting()[0]) == ObjectId.from_datetime(moments[1])


def test_files_of_stored_captures_are_written_again(spool: Spool) -> None:
    """Empty, and under the new capture's name: nothing of the old one shows."""
    folder = TapFolder(spool)
    first = folder.capture(ObjectId())
    first.write(Kind.REQUEST_BODY, 1, b"old" * 100)
    first.close()
    (stored,) = spool.waiting()
    inode = stored.stat().st_ino
    spool.recycle([stored, spool.ready / "gone.capture"])
    assert spool.waiting() == []

    time.sleep(0.06)  # the tap looks for spare files now and then
    second = folder.capture(ObjectId())
    second.write(Kind.REQUEST_BODY, 2, b"new")
    second.close()
    (ready,) = spool.waiting()
    assert ready.stat().st_ino == inode
    assert ready.stat().st_mode & 0o777 == 0o600
    assert [event.value for event in read_events(ready.read_bytes())] == [b"new"]
    folder.close()


def test_two_taps_share_the_spare_files(spool: Spool) -> None:
    """Two taps never take the same spare file."""
    for _ in range(5):
        (spool.spare / f"{ObjectId()}.capture").touch(mode=0o600)
    folders = [TapFolder(spool), TapFolder(spool)]
    captures = [folder.capture(ObjectId()) for _ in range(4) for folder in folders]
    for capture in captures:
        capture.close()
    assert len(spool.waiting()) == 8
    assert list(spool.spare.iterdir()) == []
    for folder in folders:
        folder.close()


def test_no_more_spare_files_are_kept_than_are_of_use(spool: Spool) -> None:
    """Spare files are limited in number."""
    spool.recycle([_ready(spool) for _ in range(MOST_SPARES + 20)])
    assert len(list(spool.spare.iterdir())) == MOST_SPARES
    assert spool.waiting() == []


def test_an_empty_spool_has_no_oldest(spool: Spool) -> None:
    """An empty spool has no oldest capture."""
    assert spool.oldest() == (0, None)


def test_what_can_never_be_stored_is_kept_with_the_reason(spool: Spool) -> None:
    """A failed capture moves to `failed/` with the reason beside it."""
    path = _ready(spool)
    spool.fail(path, "it is torn")
    assert spool.waiting() == []
    assert spool.failed_count() == 1
    assert (spool.failed / path.name).exists()
    assert (spool.failed / f"{path.name}.reason.txt").read_text() == "it is torn\n"


HOLDER = """
import sys, time
from pathlib import Path
from bson import ObjectId
from gemtap.capture.events import Kind
from gemtap.capture.spool import MOST_SPARES, Spool, TapFolder
folder = TapFolder(Spool(Path(sys.argv[1])))
capture = folder.capture(ObjectId())
capture.write(Kind.REQUEST_BODY, 1, b"first")
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
        assert hand_on_orphans(spool) == 0
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert hand_on_orphans(spool) == 1
    (handed_on,) = spool.waiting()
    assert [event.value for event in read_events(handed_on.read_bytes())] == [b"first"]
    assert list(spool.open.iterdir()) == [living.path]
    mine.close()
    living.close()


def test_strange_files_among_the_taps_folders_are_left_alone(spool: Spool) -> None:
    """Foreign files in `open/` are neither moved nor deleted."""
    (spool.open / "file").touch()
    (spool.open / "dead").mkdir()
    (spool.open / "dead" / "README").touch()
    assert hand_on_orphans(spool) == 0
    assert (spool.open / "file").exists()
    assert (spool.open / "dead" / "README").exists()


def test_a_name_that_is_no_id_is_no_capture() -> None:
    """A file whose name is no id is no capture."""
    assert capture_id(Path("ready/zzz.capture")) is None
