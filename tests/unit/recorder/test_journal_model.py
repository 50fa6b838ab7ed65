"""Journals under arbitrary traffic, kills and damage: nothing is lost, nothing comes twice, and segments go away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.capture import tap_folder
from gemtap.capture.backlog import Backlog
from gemtap.capture.events import Kind, read_events
from gemtap.capture.frames import SegmentName, whole_frames
from gemtap.capture.journal import Damage, JournalReader
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import Capture, TapFolder
from gemtap.recorder.waiting import Waiting

STEP = st.sampled_from(["begin", "write", "hold", "end", "rotate", "move", "take", "half", "ahead", "restart", "kill"])


@contextmanager
def new_spool() -> Iterator[Spool]:
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        spool.create()
        yield spool


class World:
    """Two taps and a recorder, which keeps what it has recorded, with the events of each exchange."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.taps = [TapFolder(spool), TapFolder(spool)]
        self.running: list[tuple[int, ObjectId, Capture]] = []
        self.written: dict[ObjectId, list[int]] = {}
        self.held: dict[ObjectId, list[int]] = {}
        self.ended: set[ObjectId] = set()
        self.recorded: dict[ObjectId, list[int]] = {}
        self.times: dict[ObjectId, int] = {}
        self.recorder = Waiting(spool, self.damaged)
        self.restarts = 0

    def damaged(self, damage: Damage) -> None:
        raise AssertionError(damage)

    def step(self, step: str, number: int) -> None:
        tap = number % 2
        if step == "begin":
            id_ = ObjectId()
            self.written[id_], self.held[id_] = [], []
            self.running.append((tap, id_, self.taps[tap].capture(id_)))
        elif step in ("write", "hold", "end", "move") and self.running:
            self._go_on(step, number)
        elif step == "rotate":
            self.taps[tap].rotate()
        elif step == "kill":
            # The kernel closes its files; what it held is gone.
            self.running = [each for each in self.running if each[0] != tap]
            self.taps[tap].close()
            self.taps[tap] = TapFolder(self.spool)
        elif step == "restart":
            self.recorder.close()
            self.recorder = Waiting(self.spool, self.damaged)
            self.restarts += 1
        elif step in ("take", "half", "ahead"):
            self._record(step)

    def _go_on(self, step: str, number: int) -> None:
        at = number % len(self.running)
        _, id_, capture = self.running[at]
        if step == "hold":
            capture.hold()
            capture.write(Kind.REQUEST_BODY, number, b"h")
            self.held[id_].append(number)
        elif step == "move":
            if capture.id in capture._tap.open:
                capture.move()
        else:
            if step == "end":
                del self.running[at]
                self._end(capture, number)
            else:
                self._write(capture, Kind.RESPONSE_BODY, number, b"x" * 30)

    def _write(self, capture: Capture, kind: Kind, number: int, value: object) -> None:
        capture.write(kind, number, value)
        capture.release()
        self.written[capture.id] += [*self.held.pop(capture.id), number]
        self.held[capture.id] = []

    def _end(self, capture: Capture, number: int) -> None:
        self._write(capture, Kind.END, number, {})
        capture.close()
        self.ended.add(capture.id)

    def _record(self, how: str) -> None:
        self.recorder.begin()
        while batch := self.recorder.take():
            if how == "half":
                # A kill in the middle of a batch: committed, and not noted.
                for source in batch[: len(batch) // 2]:
                    self._keep(source.id, source.read())
                return
            for source in batch:
                self._keep(source.id, source.read())
            self.recorder.done(batch)
            if how == "ahead":
                self.step("begin", 0)
                *_, capture = self.running.pop()
                self._end(capture, 0)
                ahead = self.recorder.take_ahead()
                for source in ahead:
                    self._keep(source.id, source.read())
                self.recorder.done_ahead(ahead)

    def _keep(self, id_: ObjectId | None, capture: bytes) -> None:
        assert id_ is not None
        events = list(read_events(capture))
        is_whole = bool(events) and events[-1].kind == Kind.END
        if id_ not in self.recorded or is_whole:
            self.recorded[id_] = [event.at for event in events]
        self.times[id_] = self.times.get(id_, 0) + 1

    def finish(self) -> None:
        """Everything is recorded and nothing waits; then the taps end, and what they had open is recorded."""
        self._record("take")
        assert Backlog(self.spool).look() == (0, None)
        for tap in self.taps:
            tap.close()
        self._record("take")
        self.recorder.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEP, st.integers(0, 1000)), max_size=80))
def test_everything_is_recorded_once_whatever_is_killed(steps: list[tuple[str, int]]) -> None:
    """Every event that was written, in its order; twice only where a recorder was killed in between."""
    with new_spool() as spool:
        world = World(spool)
        for step, number in steps:
            world.step(step, number)
        world.finish()
        assert world.recorded == {id_: written for id_, written in world.written.items() if written}
        if not any(step in ("half", "restart") for step, _ in steps):
            assert set(world.times.values()) <= {1}
        assert list(spool.open.iterdir()) == []
        assert spool.waiting() == []
        assert Backlog(spool).look() == (0, None)


def exchanges(tap: TapFolder, count: int) -> dict[ObjectId, list[int]]:
    """Interleaved exchanges of three frames each, with their events."""
    captures = [(ObjectId(), number) for number in range(count)]
    running = [tap.capture(id_) for id_, _ in captures]
    for event in range(3):
        for (_, number), capture in zip(captures, running, strict=True):
            kind = Kind.END if event == 2 else Kind.RESPONSE_BODY
            capture.write(kind, 10 * number + event, {} if event == 2 else b"body" * 5)
    return {id_: [10 * number + event for event in range(3)] for id_, number in captures}


def read_all(folder: Path) -> tuple[dict[ObjectId, list[int]], dict[ObjectId, list[int]], list[Damage]]:
    """What has ended, what has not, and the damage."""
    reader = JournalReader(folder)
    ended = {}
    while (found := reader.next()) is not None:
        ended[found[0].id] = [event.at for event in read_events(found[0].read())]
    still_open = {each.id: [event.at for event in read_events(each.read())] for each in reader.open.values()}
    reader.close()
    return ended, still_open, reader.damage


@pytest.mark.parametrize("tail", [b"", b"\0" * 50])
def test_a_torn_tail_ends_the_segment_at_every_offset(tail: bytes) -> None:
    """What was written before is there, with no word of damage; also if the file system returns zeroes for the rest."""
    with new_spool() as spool:
        tap = TapFolder(spool)
        events = exchanges(tap, 3)
        (path,) = tap.path.glob("*.segment")
        content = path.read_bytes()
        name = SegmentName.parse(path.name)
        assert name is not None
        ends = [frame.end for frame in whole_frames(content, name, 0)]
        assert len(ends) == 9
        for length in range(len(content) + 1):
            path.write_bytes(content[:length] + tail)
            ended, still_open, damage = read_all(tap.path)
            assert not damage
            found = ended | still_open
            assert sum(map(len, found.values())) == sum(end <= length for end in ends)
            assert all(events[id_][: len(at)] == at for id_, at in found.items())
            assert all(events[id_] == at for id_, at in ended.items())
        path.write_bytes(content[:-1] + tail)
        tap.close()
        recorder = Waiting(spool, lambda damage: None)
        recorder.begin()
        recorder.done(taken := recorder.take())
        assert len(taken) == 3
        assert recorder.take() == []
        assert list(spool.open.iterdir()) == []
        recorder.close()


@pytest.mark.parametrize("count", [1, 40])
def test_a_damaged_byte_costs_one_exchange_and_is_said(count: int) -> None:
    """Whichever byte it is: all others are whole, that one is cut where the frame is missing."""
    with new_spool() as spool:
        tap = TapFolder(spool)
        events = exchanges(tap, 4)
        tap.rotate()
        later = exchanges(tap, 1)
        path = min(tap.path.glob("*.segment"))
        content = path.read_bytes()
        for offset in range(0, len(content), 1 if count == 1 else 7):
            damaged = bytearray(content)
            damaged[offset : offset + count] = bytes(byte ^ 0x55 for byte in damaged[offset : offset + count])
            path.write_bytes(damaged)
            ended, still_open, damage = read_all(tap.path)
            assert len(damage) == 1
            assert damage[0].start <= offset < damage[0].end
            assert ended.items() >= later.items()
            hurt = [id_ for id_ in events if ended.get(id_) != events[id_]]
            assert 1 <= len(hurt) <= (1 if count == 1 else 2)
            for id_ in hurt:
                found = ended.get(id_, still_open.get(id_, []))
                assert found == [at for at in events[id_] if at in found]
                assert len(found) < 3
        tap.close()


def test_bytes_of_a_client_never_pass_for_a_frame() -> None:
    """A body that holds a segment of another journal is a body."""
    with new_spool() as spool:
        tap = TapFolder(spool)
        exchanges(tap, 3)
        (path,) = tap.path.glob("*.segment")
        other = TapFolder(spool)
        capture = other.capture(ObjectId())
        capture.write(Kind.REQUEST_BODY, 0, path.read_bytes())
        capture.write(Kind.END, 1, {})
        (segment,) = other.path.glob("*.segment")
        content = bytearray(segment.read_bytes())
        content[0] ^= 1
        segment.write_bytes(content)
        ended, still_open, _ = read_all(other.path)
        assert set(ended) | set(still_open) == {capture.id}
        tap.close()
        other.close()


def test_segments_rotate_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanges go on over segments, and a recorded one is deleted."""
    monkeypatch.setattr(tap_folder, "SEGMENT_BYTES", 200)
    with new_spool() as spool:
        tap = TapFolder(spool)
        events = exchanges(tap, 10)
        assert len(list(tap.path.glob("*.segment"))) > 5
        assert read_all(tap.path)[0] == events
        recorder = Waiting(spool, lambda damage: None)
        recorder.begin()
        taken = recorder.take()
        assert {source.id for source in taken} == set(events)
        recorder.done(taken)
        assert recorder.take() == []
        assert len(list(tap.path.glob("*.segment"))) == 1
        recorder.close()
        tap.close()


def test_what_a_power_failure_took_of_a_file_of_its_own_comes_from_the_segments() -> None:
    """The frame that says where an exchange went on may be on the disk before its file is."""
    with new_spool() as spool:
        tap = TapFolder(spool)
        capture = tap.capture(ObjectId())
        for number in range(5):
            capture.write(Kind.RESPONSE_BODY, number, b"x" * 100)
        capture.move()
        path = tap.path / f"{capture.id}.capture"
        whole = path.read_bytes()
        path.write_bytes(whole[:50] + bytes(len(whole) - 50))
        tap.close()
        recorder = Waiting(spool, lambda damage: None)
        recorder.begin()
        (taken,) = recorder.take()
        assert taken.read() == whole
        recorder.done([taken])
        assert recorder.take() == []
        assert list(spool.open.iterdir()) == []
        recorder.close()


def test_a_file_of_its_own_stays_whole_when_segments_before_are_deleted() -> None:
    """What the remaining segments have of an exchange is not all that its file has, and must not replace it."""
    with new_spool() as spool:
        tap = TapFolder(spool)
        capture = tap.capture(ObjectId())
        capture.write(Kind.REQUEST_BODY, 0, b"first segment")
        tap.rotate()
        capture.write(Kind.RESPONSE_BODY, 1, b"second segment")
        capture.move()
        whole = (tap.path / f"{capture.id}.capture").read_bytes()
        recorder = Waiting(spool, lambda damage: None)
        recorder.begin()
        assert recorder.take() == []
        recorder.done([])
        recorder.close()
        assert len(list(tap.path.glob("*.segment"))) == 1
        tap.close()
        recorder = Waiting(spool, lambda damage: None)
        recorder.begin()
        (taken,) = recorder.take()
        assert taken.read() == whole
        recorder.done([taken])
        recorder.close()
