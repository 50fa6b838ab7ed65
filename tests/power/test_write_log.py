"""The disks that a log of writes gives: what was flushed is there, what was not may be, and nothing else is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.power.disk import BLOCK, RecordedDisk
from tests.power.write_log import Cut, Replay, Unflushed, read_log

BLOCKS: Final = 8
FLUSH, DISCARD = 1, 4


def block(letter: bytes) -> bytes:
    return letter * BLOCK


def log_of(*entries: tuple[int, bytes, int]) -> bytes:
    """A log as QEMU writes it, of (block of the disk, bytes, flags)."""
    log = struct.pack("<QQQI", 0x6A736677736872, 1, len(entries), 512).ljust(512, b"\0")
    for number, data, flags in entries:
        log += struct.pack("<QQQQ", number * BLOCK // 512, len(data) // 512, flags, 0).ljust(512, b"\0")
        log += b"" if flags & DISCARD else data
    return log


@pytest.fixture
def disk(tmp_path: Path) -> RecordedDisk:
    """Eight blocks, and the clock's behind them."""
    disk = RecordedDisk(tmp_path, "ext4", BLOCKS * BLOCK)
    disk.clean.write_bytes(bytes(disk.size + BLOCK))
    disk.log.write_bytes(
        log_of(
            (0, block(b"a") + block(b"b"), 0),
            (8, struct.pack("<d", 1.5).ljust(BLOCK, b"\0"), 0),
            (0, b"", FLUSH),
            (2, block(b"c"), 0),
            (0, block(b"A"), 0),
            (8, struct.pack("<d", 2.5).ljust(BLOCK, b"\0"), 0),
            (0, b"", FLUSH),
            (1, block(b" "), DISCARD),
        )
    )
    return disk


@pytest.fixture
def replay(disk: RecordedDisk, tmp_path: Path) -> Iterator[Replay]:
    replay = Replay(disk, tmp_path)
    yield replay
    replay.close()


def letters(replay: Replay, folder: Path, position: int, unflushed: Unflushed, seed: int = 0) -> str:
    """The first letter of each block that the cut leaves; a dot for a block of zeroes."""
    path = folder / "image.raw"
    replay.image(Cut(position, unflushed, 0, seed), path)
    image = path.read_bytes()
    return "".join(chr(image[n * BLOCK] or ord(".")) for n in range(3))


def test_the_log_is_read_entry_by_entry(disk: RecordedDisk) -> None:
    """The write log of the block device is read entry by entry."""
    entries = read_log(disk.log)
    assert [entry.is_flush for entry in entries] == [False, False, True, False, False, False, True, False]
    assert [entry.size // BLOCK for entry in entries] == [2, 1, 0, 1, 1, 1, 0, 1]
    assert entries[-1].data_at is None


def test_what_was_flushed_is_there_and_nothing_later(replay: Replay, tmp_path: Path) -> None:
    """After a power cut, flushed writes exist, and none that came later."""
    found = [letters(replay, tmp_path, position, "none") for position in (1, 2, 3, 5, 7, 8)]
    assert found == ["...", "...", "ab.", "ab.", "Abc", "Abc"]


def test_everything_may_be_there_before_it_is_flushed(replay: Replay, tmp_path: Path) -> None:
    """Unflushed writes may also survive a power cut."""
    found = [letters(replay, tmp_path, position, "all") for position in (1, 4, 5, 7, 8)]
    assert found == ["ab.", "abc", "Abc", "Abc", "A.c"]


def test_any_part_of_what_was_not_flushed_may_be_there(replay: Replay, tmp_path: Path) -> None:
    """Block by block, also of one write; what was flushed before always is."""
    assert {letters(replay, tmp_path, 1, "some", seed) for seed in range(40)} == {"...", "a..", ".b.", "ab."}
    assert {letters(replay, tmp_path, 6, "some", seed) for seed in range(40)} == {"ab.", "Ab.", "abc", "Abc"}


def test_a_cut_knows_the_time_before_it(replay: Replay) -> None:
    """A cut in the log knows the time of the last mark before it."""
    cuts = replay.choose(30, since=1.5, seed=1)
    assert [cut.position for cut in cuts] == sorted(cut.position for cut in cuts)
    assert {cut.not_before for cut in cuts if cut.position <= 5} == {1.5}
    assert {cut.not_before for cut in cuts if cut.position > 5} == {2.5}
    assert {cut.unflushed for cut in cuts} == {"none", "all", "some"}
