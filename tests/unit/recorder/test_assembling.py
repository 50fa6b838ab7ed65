"""Captures assembled in a worker: one that takes too much is stored as it came, and no other waits for it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import ObjectId

from gemtap.dialects.base import Parsed, RawExchange
from gemtap.interaction import Interaction
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS as KNOWN
from gemtap.recorder.assembling import Assembler
from gemtap.recorder.capture_result import CaptureResult
from gemtap.recorder.left_in_bytes import LEFT_IN_BYTES, whole_document
from gemtap.recorder.redact import Redactor
from gemtap.recorder.waiting import CaptureFile
from gemtap.stores.base import Record
from gemtap.workers import Workers, WorkersUnavailable
from tests.captures import make_capture

pytestmark = pytest.mark.anyio


class Slow:
    """A provider's parser that does not end."""

    name = "slow"

    def parse(self, exchange: RawExchange) -> Parsed:
        re.match(r"(a*)*b", "a" * 60)
        raise AssertionError("it does not end")


class Hungry:
    """A provider's parser that takes all memory."""

    name = "hungry"

    def parse(self, exchange: RawExchange) -> Parsed:
        taken = [os.urandom(2**20) for _ in range(2**20)]
        raise AssertionError(f"{len(taken)} MiB")


class Deadly:
    """A provider's parser that the kernel ends."""

    name = "deadly"

    def parse(self, exchange: RawExchange) -> Parsed:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")


PROVIDERS: dict[str, ExchangeParser] = {
    "gemini": KNOWN["gemini"],
    "slow": Slow(),
    "hungry": Hungry(),
    "deadly": Deadly(),
}
BODY = b'{"contents":[{"parts":[{"text":"Why is the sky blue?"}]}]}'


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(1, memory=2**29)
    yield workers
    workers.close()


def write(folder: Path, provider: str = "gemini", capture: bytes | None = None) -> Path:
    path = folder / f"{ObjectId()}.capture"
    path.write_bytes(make_capture(provider=provider, request=[(100, BODY)]) if capture is None else capture)
    return path


async def assemble_all(assembler: Assembler, paths: list[Path]) -> list[CaptureResult]:
    found: list[CaptureResult] = []
    while len(found) < len(paths):
        found += await assembler.assemble([CaptureFile(path, _size(path)) for path in paths[len(found) :]])
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def outcome(assembled: CaptureResult) -> str:
    if assembled.record is None:
        return assembled.unreadable or "nothing"
    error = assembled.record.document["error"]
    return "fine" if error is None else f"{error['message']}: {error['details']}"


async def test_a_batch_gives_what_each_of_its_captures_holds(workers: Workers, tmp_path: Path) -> None:
    """In their order: records, what can never be read, what is empty and what is gone."""
    paths = [
        write(tmp_path),
        write(tmp_path, capture=b"no capture"),
        write(tmp_path, capture=b""),
        tmp_path / f"{ObjectId()}.capture",
        write(tmp_path),
    ]
    found = await assemble_all(Assembler(PROVIDERS, None, workers), paths)
    assert [outcome(each) for each in found] == [
        "fine",
        "it is empty, or torn before its first event was whole",
        "nothing",
        "nothing",
        "fine",
    ]
    assert found[0].fingerprint is not None
    assert found[0].record is not None
    assert found[0].record.parsed == {"request", "response"}


async def test_a_worker_leaves_the_value_of_a_request_in_its_bytes(workers: Workers, tmp_path: Path) -> None:
    """Everything else is the same, and so are the texts, also once the worker has forgotten the conversations."""
    paths = [write(tmp_path), write(tmp_path)]
    with_values = Assembler(PROVIDERS, None, workers)
    without = Assembler(PROVIDERS, None, workers, with_values=False)
    whole = records_of(await assemble_all(with_values, paths))
    texts = await with_values.new_texts(whole)
    left = records_of(await assemble_all(without, paths))
    assert [record.document["request"]["body"] for record in left] == [LEFT_IN_BYTES, LEFT_IN_BYTES]
    restored = [whole_document(record) for record in left]
    assert [without_time(document) for document in restored] == [without_time(record.document) for record in whole]
    assert "Why is the sky blue?" in texts[0]
    assert await without.new_texts(left) == texts
    assert await without.new_texts(left) == texts


async def test_requests_that_go_on_from_each_other_are_whole(workers: Workers, tmp_path: Path) -> None:
    """Within a job and across jobs, also after a worker was ended, although most of their bytes are not sent again."""
    parts = [{"parts": [{"text": f"{number}: Why is the sky blue? " * 40}]} for number in range(30)]
    bodies = [json.dumps({"contents": parts[:count]}).encode() for count in range(10, 30)]
    paths = [write(tmp_path, capture=make_capture(request=[(100, body)])) for body in bodies]
    paths.insert(10, write(tmp_path, "deadly"))
    assembler = Assembler(PROVIDERS, None, workers)
    records = []
    for start in range(0, len(paths), 4):
        records += records_of(await assemble_all(assembler, paths[start : start + 4]))
    del records[10]
    assert [record.request_raw for record in records] == bodies


def records_of(results: list[CaptureResult]) -> list[Record]:
    return [result.record for result in results if result.record is not None]


def without_time(document: Interaction) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != "recorded_at"}


@pytest.mark.parametrize(
    ("provider", "why"),
    [
        ("slow", "it takes more than 0.5 s of processor time"),
        ("deadly", "the process for it was ended (SIGKILL), perhaps for want of memory"),
    ],
)
async def test_a_capture_that_takes_too_much_is_stored_as_it_came(
    workers: Workers, tmp_path: Path, provider: str, why: str
) -> None:
    """With what its head says and the reason; the captures around it are read."""
    paths = [write(tmp_path), write(tmp_path, provider), write(tmp_path)]
    found = await assemble_all(Assembler(PROVIDERS, None, workers, seconds=0.5), paths)
    unparsed = f"Gemtap could not parse this exchange; its exact bytes are kept: {why}"
    assert [outcome(each) for each in found] == ["fine", unparsed, "fine"]
    record = found[1].record
    assert record is not None
    assert record.request_raw == BODY
    assert record.document["request"]["body"] is None
    assert record.document["request"].get("body_incomplete") == f"not read, since {why}"
    assert record.document["request"]["body_bytes"] == len(BODY)
    assert record.document["request"]["path"] == "/v1beta/models/gemini-2.5-pro:generateContent"
    assert record.document["outcome"] == "complete"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS limits no process's memory")
async def test_a_parser_that_takes_all_memory_costs_what_it_would_have_read(workers: Workers, tmp_path: Path) -> None:
    """The bodies are there, and the worker goes on."""
    found = await assemble_all(
        Assembler(PROVIDERS, None, workers, seconds=30), [write(tmp_path, "hungry"), write(tmp_path)]
    )
    unparsed = "Gemtap could not parse this exchange; its exact bytes are kept: it takes more memory than there is"
    assert [outcome(each) for each in found] == [unparsed, "fine"]
    assert found[0].record is not None
    assert found[0].record.document["request"]["body"] == json.loads(BODY)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS limits no process's memory")
async def test_a_capture_too_large_for_a_worker_is_stored_as_it_came(tmp_path: Path) -> None:
    """Three hundred thousand objects take more memory than this worker may have."""
    body = b"[" + b'{"a":0},' * 300_000 + b"0]"
    workers = Workers(1, memory=2**26)
    try:
        paths = [write(tmp_path), write(tmp_path, capture=make_capture(request=[(0, body)])), write(tmp_path)]
        found = await assemble_all(Assembler(PROVIDERS, None, workers), paths)
    finally:
        workers.close()
    why = "it takes more than 0.0625 GiB of memory"
    unparsed = f"Gemtap could not parse this exchange; its exact bytes are kept: {why}"
    assert [outcome(each) for each in found] == ["fine", unparsed, "fine"]
    assert found[1].record is not None
    assert found[1].record.request_raw == body


async def test_what_cannot_be_redacted_is_not_stored(workers: Workers, tmp_path: Path) -> None:
    """A capture that is not read may hold what `redact_patterns` are for."""
    assembler = Assembler(PROVIDERS, Redactor(["sky"]), workers, seconds=0.5)
    fine, slow = await assemble_all(assembler, [write(tmp_path), write(tmp_path, "slow")])
    assert fine.record is not None
    assert b"sky" not in fine.record.request_raw
    assert slow.record is None
    assert outcome(slow).startswith("it cannot be looked through for redact_patterns: it takes more than 0.5 s")


async def test_the_end_of_gemtap_is_no_fault_of_a_capture(tmp_path: Path) -> None:
    """What was not assembled by then is assembled at the next start."""
    workers = Workers(1, memory=2**29)
    workers.close()
    with pytest.raises(WorkersUnavailable):
        await assemble_all(Assembler(PROVIDERS, None, workers), [write(tmp_path)])


async def test_texts_are_told_of_the_last_batch_and_of_any_documents(workers: Workers, tmp_path: Path) -> None:
    """A worker remembers what it has just assembled; what it does not is sent to it."""
    assembler = Assembler(PROVIDERS, None, workers)
    records = [each.record for each in await assemble_all(assembler, [write(tmp_path), write(tmp_path)])]
    documents = [record.document for record in records if record is not None]
    for _ in range(2):
        texts = await assembler.texts(documents)
        assert [("sky blue" in text) for text in texts] == [True, True]
    assert await assembler.texts([]) == []
