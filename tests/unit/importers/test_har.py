"""HTTP Archives: of browsers, and Gemtap's own."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.importers import har
from gemtap.importers.base import BadEntry, ReadExchange
from gemtap.importers.files import UNKNOWN_API
from gemtap.stores.base import Store
from tests.exactness import exactly
from tests.records import make_record
from tests.unit.exporters.exported import export
from tests.unit.importers.imported import GEMINI, archive, documents, entry, imported

pytestmark = pytest.mark.anyio

_NAMES = ["headers", "url", "status", "content", "method", "text", "encoding", "type", "data", "postData", "wait"]


async def test_an_entry_is_read_as_if_it_had_been_recorded(store: Store, tmp_path: Path) -> None:
    done = await imported(store, tmp_path / "a.har", archive(entry()))
    assert (done.read, done.stored, done.faulty) == (1, 1, 0)
    (document,) = await documents(store)
    assert document["provider"] == "gemini"
    assert document["operation"] == "generateContent"
    assert document["model"] == "gemini-2.5-flash"
    assert document["timestamp"] == datetime(2026, 3, 14, 12, 0, 0, 250_000, tzinfo=UTC)
    assert document["tokens"]["total"] == 6
    assert document["cost"] is not None
    assert document["finish_reason"] == "STOP"
    assert document["preview"] == {"prompt": "Why?", "answer": "Because."}
    assert document["thread"] is not None
    assert document["outcome"] == "complete"
    assert document["error"] is None
    # What passed before it was sent does not count.
    assert document["request_duration_ms"] == 1000.0
    assert document["timing"]["first_byte_ms"] == 801.0
    assert document["request"]["http_version"] == "h2"
    assert document["request"]["body_bytes"] == 61
    assert ":authority" not in document["request"]["headers"]
    assert document["response"] is not None
    assert document["response"]["headers"]["content-encoding"] == "br"
    assert document["response"]["body_bytes"] == 120
    raw = await store.raw(document["_id"], "request")
    assert raw is not None
    assert json.loads(raw) == document["request"]["body"]


async def test_credentials_never_reach_the_store(store: Store, tmp_path: Path) -> None:
    refused = entry(
        GEMINI + "?alt=json&key=AIzaSecretOfTheQuery",
        headers={
            "X-Goog-Api-Key": "AIzaSecretOfTheHeader",
            "Cookie": "SID=secretcookie",
            "Referer": "x?k=AIzaSecretOfTheHeader",
        },
        response={"error": {"code": 400, "message": "API key AIzaSecretOfTheQuery not valid"}},
        status=400,
    )
    await imported(store, tmp_path / "a.har", archive(refused))
    (document,) = await documents(store)
    raw = await store.raw(document["_id"], "response")
    everything = repr(document) + repr(raw)
    for secret in ("SecretOfTheQuery", "SecretOfTheHeader", "secretcookie", "hunter22"):
        assert secret not in everything
    assert document["request"]["query"].startswith("alt=json&key=[redacted:")
    assert document["client"]["key"] is not None
    assert document["error"] is not None
    assert "[redacted:" in document["error"]["message"]


async def test_importing_twice_is_importing_once(store: Store, tmp_path: Path) -> None:
    content = archive(entry(), entry(request="other"), entry())
    first = await imported(store, tmp_path / "a.har", content)
    assert (first.stored, first.present) == (2, 1)
    again = await imported(store, tmp_path / "b.har", content)
    assert (again.stored, again.present) == (0, 3)
    assert len(await documents(store)) == 2


async def test_what_is_no_api_is_left_out_unless_asked_for(store: Store, tmp_path: Path) -> None:
    pages = [entry("https://news.example/a.js"), entry("https://eu-aiplatform.googleapis.com.evil.example/v1/x")]
    claude = entry("https://api.anthropic.com/v1/messages?beta=true")
    own = entry("http://localhost:4360/gemini/v1beta/models/gemini-2.5-pro:generateContent", request="x")
    done = await imported(store, tmp_path / "a.har", archive(*pages, claude, own))
    assert done.left_out == {UNKNOWN_API: 2}
    assert sorted(each["provider"] for each in await documents(store)) == ["anthropic", "gemini"]
    done = await imported(store, tmp_path / "a.har", archive(*pages, claude, own), everything=True)
    assert (done.stored, done.present) == (2, 2)
    assert sorted(each["provider"] for each in await documents(store)) == ["anthropic", "gemini", "unknown", "unknown"]


async def test_a_stream_is_accumulated(store: Store, tmp_path: Path) -> None:
    frames: list[Any] = [
        {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]} for text in ("So", " it is.")
    ]
    frames[-1]["candidates"][0]["finishReason"] = "STOP"
    text = "".join(f"data: {json.dumps(frame)}\r\n\r\n" for frame in frames)
    streamed = entry(GEMINI.replace("generate", "streamGenerate") + "?alt=sse", response=text)
    streamed["response"]["headers"][0]["value"] = "text/event-stream"
    await imported(store, tmp_path / "a.har", archive(streamed))
    (document,) = await documents(store)
    assert document["streaming"]
    assert document["preview"]["answer"] == "So it is."
    assert await store.raw(document["_id"], "response") == text.encode()


async def test_no_answer_and_one_that_was_given_up(store: Store, tmp_path: Path) -> None:
    none = entry(status=0, _error="net::ERR_CONNECTION_REFUSED", request="a")
    left = entry(status=0, _error="net::ERR_ABORTED", request="b")
    await imported(store, tmp_path / "a.har", archive(none, left))
    found = {str(each["request"]["body"]): each for each in await documents(store)}
    assert (found["a"]["outcome"], found["a"]["response"]) == ("upstream_unreachable", None)
    assert found["a"]["error"] == {"message": "net::ERR_CONNECTION_REFUSED", "details": None}
    assert found["b"]["outcome"] == "client_disconnected"


async def test_a_session_and_bytes(store: Store, tmp_path: Path) -> None:
    started = datetime(2026, 3, 14, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()
    session = entry(
        "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        status=101,
        _webSocketMessages=[
            {"type": "send", "time": started + 0.5, "opcode": 1, "data": '{"setup":{"model":"models/live"}}'},
            {"type": "receive", "time": started + 0.7, "opcode": 2, "data": "eyJzZXR1cENvbXBsZXRlIjp7fX0="},
        ],
    )
    await imported(store, tmp_path / "a.har", archive(session))
    (document,) = await documents(store)
    assert document["model"] == "live"
    body: Any = document["request"]["body"]
    assert body["messages"][0]["data"] == {"setup": {"model": "models/live"}}
    assert body["messages"][0]["at_ms"] == pytest.approx(500)


async def test_our_own_archives_keep_their_ids_and_fingerprints(store: Store, tmp_path: Path) -> None:
    records = [
        make_record(request_raw=b"\xff\x00", response_raw=b"plain"),
        make_record(outcome="client_disconnected", error={"message": "x", "details": None}),
        make_record(answered=False, outcome="upstream_unreachable", request_duration_ms=None),
        make_record(request={"headers": {"content-encoding": "gzip", "x-goog-api-key": "[redacted:8f2a11c0]"}}),
    ]
    await store.put(records)
    content, _ = await export("har", store)
    ids = [record.document["_id"] for record in records]
    raws = [(await store.raw(id_, "request"), await store.raw(id_, "response")) for id_ in ids]
    await store.delete(ids)
    done = await imported(store, tmp_path / "own.har", content)
    assert (done.stored, done.faulty) == (4, 0)
    for record, raw in zip(records, raws, strict=True):
        before = record.document
        after = await store.get(before["_id"])
        assert after is not None
        assert (await store.raw(before["_id"], "request"), await store.raw(before["_id"], "response")) == raw
        assert exactly(after["request"]) == exactly(before["request"])
        assert after["outcome"] == before["outcome"]
        assert after["timestamp"] == before["timestamp"]
        assert after["client"]["key"] == "8f2a11c0"


async def test_what_is_wrong_is_named_and_the_rest_is_stored(store: Store, tmp_path: Path) -> None:
    torn = entry(request="b")
    del torn["request"]["url"]
    content = archive(entry(request="a"), torn, {"nothing": 1}, entry(request="c"))
    done = await imported(store, tmp_path / "a.har", content[: content.rindex(b'"response"')])
    assert [place for place, _ in done.faults] == ["entry 2", "entry 3", "after entry 3"]
    assert "no JSON from here on" in done.faults[-1][1]
    assert (done.stored, done.faulty) == (1, 3)
    done = await imported(store, tmp_path / "b.har", content)
    assert (done.stored, done.present, done.faulty) == (1, 1, 2)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["request", "response", "timings", "startedDateTime", "time", "comment", "_webSocketMessages"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
        max_leaves=12,
    ),
)
def test_whatever_an_entry_is_it_is_a_fault_or_an_exchange(name: str, value: object) -> None:
    content = json.dumps({"log": {"entries": [{**entry(), name: value}, entry()]}}).encode()
    found = list(har.read(io.BytesIO(content)))
    assert isinstance(found[0].content, BadEntry | ReadExchange)
    assert isinstance(found[-1].content, ReadExchange) or "from here on" in found[-1].content.why  # type: ignore[union-attr]
