"""JSON lines: what is in them, and what is no such line. That they lose nothing, the contract tests show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemtap.exporters.jsonl import BadLine, from_line, to_line
from gemtap.interaction import to_json
from gemtap.stores.base import Store
from tests.records import RESPONSE_RAW, make_record
from tests.unit.exporters.exported import export, lines_of

pytestmark = pytest.mark.anyio


async def test_a_line_is_the_document_as_the_api_shows_it_and_its_exact_bytes(store: Store) -> None:
    """A line has the document and its exact bytes."""
    record = make_record()
    await store.put([record])
    content, report = await export("jsonl", store)
    (line,) = lines_of(content)
    assert line["response"].pop("raw") == RESPONSE_RAW.decode()
    assert line == to_json(record.document)
    assert report.written["train"] == 1


async def test_where_a_body_gives_its_bytes_back_they_stand_there_once(store: Store) -> None:
    """Bytes that the body reproduces are not repeated."""
    await store.put([make_record()])
    content, _ = await export("jsonl", store)
    assert "raw" not in lines_of(content)[0]["request"]


def test_bytes_of_a_stream_that_are_no_text() -> None:
    """Binary streams are exported in Base64."""
    record = make_record(response_raw=b"\xffdata", accumulated={"a": 1})
    assert from_line(to_line(record)) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line.update(schema_version=99), "written by a newer Gemtap"),
        (lambda line: line.pop("client"), "has no client"),
        (lambda line: line.pop("id"), "not an interaction exported by Gemtap"),
        (lambda line: line.update(id="x"), "not an interaction exported by Gemtap"),
        (lambda line: line.update(timestamp="yesterday"), "not an interaction exported by Gemtap"),
        (lambda line: line["response"].update(raw={"base64": "!"}), "not in base64"),
    ],
)
def test_what_is_no_such_line_is_said(change: Any, message: str) -> None:
    """An invalid line is rejected with a reason."""
    line = json.loads(to_line(make_record()))
    change(line)
    with pytest.raises(BadLine, match=message):
        from_line(json.dumps(line).encode())


@pytest.mark.parametrize("line", [b"", b"no JSON", b"[]", b"1", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_none_at_all_is_said_too(line: bytes) -> None:
    """A line that is no interaction is rejected."""
    with pytest.raises(BadLine):
        from_line(line)
