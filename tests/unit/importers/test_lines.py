"""JSON lines: traces of claude-tap, and Gemtap's own exports where they are not as they were exported."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gemtap.exporters import jsonl
from gemtap.importers import lines
from gemtap.importers.base import ImportFailed
from gemtap.interaction import to_json
from gemtap.recorder.fingerprint import stored_fingerprint
from gemtap.stores.base import Store
from tests.exactness import exactly
from tests.records import at_the_end, make_record
from tests.unit.importers.imported import documents, imported

pytestmark = pytest.mark.anyio


def trace(**fields: Any) -> dict[str, Any]:
    """A line of claude-tap's."""
    return {
        "timestamp": "2026-02-17T05:35:11.000000+00:00",
        "request_id": "req_0123456789ab",
        "turn": 1,
        "duration_ms": 6000,
        "request": {
            "method": "POST",
            "path": "/v1/messages?beta=true",
            "headers": {"x-api-key": "sk-ant-api03...", "User-Agent": "claude-cli/2.0"},
            "body": {
                "model": "claude-opus-4-6",
                "messages": [{"role": "user", "content": "Grüß Gott"}],
                "stream": True,
            },
        },
        "response": {
            "status": 200,
            "headers": {"Content-Type": "text/event-stream; charset=utf-8"},
            "body": {"type": "message", "content": [{"type": "text", "text": "Servus"}], "usage": {"input_tokens": 3}},
        },
        "upstream_base_url": "https://api.anthropic.com",
        **fields,
    }


def as_lines(*records: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


async def test_a_trace_of_an_api_that_gemtap_does_not_know_is_stored_well(store: Store, tmp_path: Path) -> None:
    """Traces of unknown APIs are stored."""
    done = await imported(store, tmp_path / "trace.jsonl", as_lines(trace()))
    assert (done.stored, done.faulty, done.left_out) == (1, 0, {})
    (document,) = await documents(store)
    assert document["provider"] == "anthropic"
    assert document["timestamp"] == datetime(2026, 2, 17, 5, 35, 5, tzinfo=UTC)
    assert document["request_duration_ms"] == 6000.0
    assert document["request"]["path"] == "/v1/messages"
    assert document["request"]["query"] == "beta=true"
    assert document["request"]["body"] == trace()["request"]["body"]
    assert document["response"] is not None
    assert document["response"]["body"] == trace()["response"]["body"]
    assert document["response"]["headers"] == {"content-type": "application/json"}
    assert document["request"]["headers"]["x-api-key"].startswith("[redacted:")  # type: ignore[union-attr]
    assert document["error"] is None


async def test_events_make_the_stream_again(store: Store, tmp_path: Path) -> None:
    """A stream is rebuilt from its events."""
    chunks = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}}]},
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        },
    ]
    line = trace(upstream_base_url="https://generativelanguage.googleapis.com")
    line["request"]["path"] = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    line["response"]["sse_events"] = [{"event": "message", "data": chunk} for chunk in chunks]
    await imported(store, tmp_path / "trace.jsonl", as_lines(line))
    (document,) = await documents(store)
    assert (document["provider"], document["operation"]) == ("gemini", "streamGenerateContent")
    assert document["preview"]["answer"] == "Hello"
    assert document["tokens"]["total"] == 2
    raw = await store.raw(document["_id"], "response")
    assert raw is not None
    assert raw.startswith(b'data: {"candidates"')

    named = trace()
    named["response"]["sse_events"] = [{"event": "ping", "data": {}}, {"event": "odd", "data": "two\nlines"}]
    await imported(store, tmp_path / "named.jsonl", as_lines(named))
    document = next(each for each in await documents(store) if each["provider"] == "anthropic")
    assert (
        await store.raw(document["_id"], "response")
        == b"event: ping\ndata: {}\n\nevent: odd\ndata: two\ndata: lines\n\n"
    )


async def test_a_session_of_a_trace(store: Store, tmp_path: Path) -> None:
    """A WebSocket session of a trace is imported."""
    line = trace(transport="websocket", upstream_base_url="https://api.openai.com/v1")
    line["request"] |= {"method": "WEBSOCKET", "path": "/v1/responses", "ws_events": [{"type": "response.create"}]}
    line["response"] = {
        "status": 101,
        "headers": {},
        "body": None,
        "ws_events": [{"type": "response.created"}, {"raw": "no JSON"}],
    }
    done = await imported(store, tmp_path / "trace.jsonl", as_lines(line))
    assert done.stored == 1
    (document,) = await documents(store)
    assert document["provider"] == "openai"
    body: Any = document["request"]["body"]
    assert [message["data"] for message in body["messages"]] == [{"type": "response.create"}]
    assert document["response"] is not None
    answer: Any = document["response"]["body"]
    assert [message["data"] for message in answer["messages"]] == [{"type": "response.created"}, "no JSON"]


async def test_the_use_of_tools_is_imported_in_its_form_alone(store: Store, tmp_path: Path) -> None:
    """Statistics rely on the form of `tool_use`."""
    good = make_record(
        tool_use={
            "calls": [{"name": "ls", "times": 1}],
            "results": [{"name": None, "times": 2, "failed": None}, {"name": "ls", "times": 1, "failed": 1}],
        }
    )
    bad = [
        json.loads(jsonl.to_line(make_record())) | {"tool_use": use}
        for use in (
            "ls",
            {},
            {"calls": ["ls"], "results": []},
            {"calls": [], "results": [{"name": "ls", "times": "x"}]},
        )
    ]
    done = await imported(store, tmp_path / "tools.jsonl", jsonl.to_line(good) + as_lines(*bad))
    assert (done.stored, done.faulty) == (1, 4)
    (document,) = await documents(store)
    assert document["tool_use"] == good.document["tool_use"]


async def test_bad_lines_are_named_and_the_others_stored(store: Store, tmp_path: Path) -> None:
    """Faulty lines are named, and the others are stored."""
    good = [make_record(), make_record()]
    newer = json.loads(jsonl.to_line(make_record())) | {"schema_version": 99}
    wrong = json.loads(jsonl.to_line(make_record())) | {"tokens": "many"}
    partial = {"schema_version": 1, "request": {}}
    content = b"".join(
        [
            jsonl.to_line(good[0]),
            b"\n",
            b'{"a": 1}\n',
            as_lines(newer, partial, wrong, trace(timestamp="noon")),
            b"no JSON\n",
            jsonl.to_line(good[1]),
            jsonl.to_line(make_record())[:200],
        ]
    )
    done = await imported(store, tmp_path / "mixed.jsonl", content)
    assert {place for place, _ in done.faults} == {f"line {n}" for n in (3, 4, 5, 6, 7, 8, 10)}
    told = dict(done.faults)
    assert "newer Gemtap" in told["line 4"]
    assert "neither an interaction" in told["line 3"]
    assert "perhaps truncated" in told["line 10"]
    assert (done.stored, done.faulty, done.read) == (2, 7, 9)
    assert {each["_id"] for each in await documents(store)} == {each.document["_id"] for each in good}


async def test_credentials_that_somebody_put_into_an_export_are_replaced(store: Store, tmp_path: Path) -> None:
    """Credentials in an export are replaced."""
    clean = make_record()
    line = json.loads(jsonl.to_line(make_record(request={"headers": {"x-goog-api-key": "AIzaSecretSecret"}})))
    line["request"]["query"] = "key=AIzaOtherSecret"
    await imported(store, tmp_path / "edited.jsonl", jsonl.to_line(clean) + as_lines(line))
    found = {str(each["_id"]): each for each in await documents(store)}
    assert exactly(found[str(clean.document["_id"])]) == exactly(clean.document)
    assert "Secret" not in json.dumps(to_json(found[line["id"]]))


async def test_what_is_imported_is_found_by_later_turns(store: Store, tmp_path: Path) -> None:
    """Later turns join imported threads."""
    record = make_record(
        request_raw=b'{"contents":[{"role":"user","parts":[{"text":"Why is the sky blue, and not green or red?"}]}]}'
    )
    await imported(store, tmp_path / "a.jsonl", jsonl.to_line(record))
    fingerprint = stored_fingerprint(record.document)
    assert fingerprint is not None
    found = await store.links.before([at_the_end(link) for link in fingerprint.links])
    assert {each and each.id for each in found} == {record.document["_id"]}


@pytest.mark.parametrize("content", [b"", b"hello", b"[1, 2]", b"\x00\x01", b"<html>"])
async def test_what_is_no_such_file(store: Store, tmp_path: Path, content: bytes) -> None:
    """Other files are rejected with a reason."""
    with pytest.raises(ImportFailed, match="cannot be imported"):
        await imported(store, tmp_path / "x", content)


async def test_flows_without_mitmproxy(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mitmproxy, importing flows explains what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportFailed, match="pipx install mitmproxy"):
        await imported(store, tmp_path / "flows", b"1234:8:response,")


async def test_a_line_that_never_ends_takes_no_more_memory_than_a_long_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is skipped to its end, and the lines after it are read."""
    monkeypatch.setattr(lines, "LONGEST_LINE", 2_000)
    path = tmp_path / "traces.jsonl"
    content = b'{"a":"' + b"a" * 3_000_000 + b'"}\n' + json.dumps(trace()).encode() + b"\n"
    report = await imported(store, path, content)
    assert report.faults == [("line 1", "it is longer than 2,000 bytes")]
    assert report.stored == 1


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"request":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"9" * 100_000,
        b'{"request":{"path":1},"timestamp":"2026-02-17T05:35:11","duration_ms":1e999}',
        b'{"request":{"path":"\\ud800","method":[],"headers":{"a":{}}},"timestamp":"9999-12-31","duration_ms":1e15}',
        b'{"schema_version":1,"request":{},"_id":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"schema_version":1,"request":{"headers":[]},"response":7}',
        b"\x00" * 1_000,
        b"\xff\xfe{",
    ],
    ids=range(9),
)
async def test_a_hostile_line_never_ends_the_rest(store: Store, tmp_path: Path, hostile: bytes) -> None:
    """It is a fault of its own, and the line after it is stored."""
    path = tmp_path / "traces.jsonl"
    content = json.dumps(trace()).encode() + b"\n" + hostile + b"\n" + json.dumps(trace(turn=2)).encode()
    report = await imported(store, path, content)
    assert [place for place, _ in report.faults] == ["line 2"]
    assert report.read == 3
