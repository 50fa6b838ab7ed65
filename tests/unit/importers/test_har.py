"""HTTP Archives: of browsers, and Gemtap's own."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtap.importers import har
from gemtap.importers.base import BadEntry, ImportFailed, ReadExchange
from gemtap.importers.files import UNKNOWN_API
from gemtap.importers.texts import HALF_CHARACTERS, WRONG_CHARSET
from gemtap.stores.base import Store
from tests.exactness import exactly
from tests.records import make_record
from tests.unit.exporters.exported import export
from tests.unit.importers.imported import GEMINI, archive, documents, entry, imported, single_bytes

pytestmark = pytest.mark.anyio

_NAMES = ["headers", "url", "status", "content", "method", "text", "encoding", "type", "data", "postData", "wait"]


async def test_an_entry_is_read_as_if_it_had_been_recorded(store: Store, tmp_path: Path) -> None:
    """An entry gives the same document as recording."""
    done = await imported(store, tmp_path / "a.har", archive(entry()))
    assert (done.read, done.stored, done.faulty) == (1, 1, 0)
    (document,) = await documents(store)
    assert document["provider"] == "gemini"
    assert document["upstream"] == "https://generativelanguage.googleapis.com"
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
    """Credentials in archives are replaced before storing."""
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


async def test_where_gemtap_sent_it_is_not_known(store: Store, tmp_path: Path) -> None:
    """An archive of a client has the address of Gemtap, or of another proxy on the way."""
    url = GEMINI.replace("https://generativelanguage.googleapis.com", "http://localhost:4360")
    await imported(store, tmp_path / "a.har", archive(entry(url)))
    (document,) = await documents(store)
    assert (document["provider"], document["upstream"]) == ("gemini", None)


async def test_importing_twice_is_importing_once(store: Store, tmp_path: Path) -> None:
    """A second import adds nothing."""
    content = archive(entry(), entry(request="other"), entry())
    first = await imported(store, tmp_path / "a.har", content)
    assert (first.stored, first.present) == (2, 1)
    again = await imported(store, tmp_path / "b.har", content)
    assert (again.stored, again.present) == (0, 3)
    assert len(await documents(store)) == 2


async def test_what_is_no_api_is_left_out_unless_asked_for(store: Store, tmp_path: Path) -> None:
    """Requests to other hosts are omitted by default."""
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
    """The accumulated body of an imported stream is stored."""
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
    """Entries without a response and aborted ones have their outcomes."""
    none = entry(status=0, _error="net::ERR_CONNECTION_REFUSED", request="a")
    left = entry(status=0, _error="net::ERR_ABORTED", request="b")
    await imported(store, tmp_path / "a.har", archive(none, left))
    found = {str(each["request"]["body"]): each for each in await documents(store)}
    assert (found["a"]["outcome"], found["a"]["response"]) == ("upstream_unreachable", None)
    assert found["a"]["error"] == {"message": "net::ERR_CONNECTION_REFUSED", "details": None}
    assert found["b"]["outcome"] == "client_disconnected"


async def test_a_session_and_bytes(store: Store, tmp_path: Path) -> None:
    """WebSocket sessions and binary bodies are imported."""
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
    """Archives of Gemtap keep ids and fingerprints."""
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
    """A faulty entry is named, and the others are stored."""
    torn = entry(request="b")
    del torn["request"]["url"]
    content = archive(entry(request="a"), torn, {"nothing": 1}, entry(request="c"))
    done = await imported(store, tmp_path / "a.har", content[: content.rindex(b'"response"')])
    assert [place for place, _ in done.faults] == ["entry 2", "entry 3", "entry 4"]
    assert "the file ends in the middle of it" in done.faults[-1][1]
    assert (done.stored, done.faulty) == (1, 3)
    done = await imported(store, tmp_path / "b.har", content)
    assert (done.stored, done.present, done.faulty) == (1, 1, 2)


async def test_bytes_that_mitmproxy_writes_as_surrogates(store: Store, tmp_path: Path) -> None:
    """An upload that is no UTF-8, in the middle of an archive: its bytes are right, and the rest is stored."""
    upload = entry(
        "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1", request="%PDF \udcc7\udcec"
    )
    done = await imported(store, tmp_path / "a.har", archive(entry(request="a"), upload, entry(request="b")))
    assert (done.stored, done.faulty, done.doubtful) == (3, 0, 0)
    (document,) = [each for each in await documents(store) if each["operation"] == "files.upload"]
    assert await store.raw(document["_id"], "request") == b"%PDF \xc7\xec"


async def test_half_a_character_is_named(store: Store, tmp_path: Path) -> None:
    """What its bytes were cannot be known: it is stored with a replacement."""
    done = await imported(store, tmp_path / "a.har", archive(entry(request="a \ud83d b"), entry()))
    assert (done.stored, done.faulty) == (2, 0)
    assert done.doubts == [("entry 1", f"the request {HALF_CHARACTERS}")]
    assert "U+FFFD" in "\n".join(done.lines())
    (document,) = [each for each in await documents(store) if isinstance(each["request"]["body"], str)]
    assert await store.raw(document["_id"], "request") == "a \ufffd b".encode()


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252"])
async def test_an_event_stream_that_was_decoded_as_single_bytes(store: Store, tmp_path: Path, charset: str) -> None:
    """Chromium and mitmproxy do that if no charset is named."""
    said = "Zürich – größer, 東京, “quotes” 🙂"
    frame = {"candidates": [{"content": {"role": "model", "parts": [{"text": said}]}, "finishReason": "STOP"}]}
    sent = f"data: {json.dumps(frame, ensure_ascii=False)}\r\n\r\n".encode()
    done = await imported(store, tmp_path / "a.har", archive(stream_of(single_bytes(sent, charset))))
    assert (done.stored, done.doubtful) == (1, 0)
    (document,) = await documents(store)
    assert document["preview"]["answer"] == said
    assert await store.raw(document["_id"], "response") == sent


async def test_an_event_stream_that_cannot_be_put_right_is_named(store: Store, tmp_path: Path) -> None:
    """A byte is lost: the text stays as it stands in the file."""
    text = 'data: {"candidates":[]}\n\n: Ã¼ \ufffd\n\n'
    done = await imported(store, tmp_path / "a.har", archive(stream_of(text)))
    assert done.doubts == [("entry 1", f"the response {WRONG_CHARSET}")]
    assert done.stored == 1
    (document,) = await documents(store)
    assert await store.raw(document["_id"], "response") == text.encode()


def stream_of(text: str) -> dict[str, Any]:
    """An entry whose response is an event stream of this text."""
    streamed = entry(GEMINI.replace("generate", "streamGenerate") + "?alt=sse", response=text)
    streamed["response"]["headers"][0]["value"] = "text/event-stream"
    streamed["response"]["content"]["mimeType"] = "text/event-stream"
    return streamed


@pytest.mark.parametrize(
    "bad",
    [
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{nothing}",
        b'{"a": 1e999}',
        b"9" * 5_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"'",
    ],
    ids=range(9),
)
async def test_no_entry_ends_the_rest(store: Store, tmp_path: Path, bad: bytes) -> None:
    """Whatever stands between two commas is a fault of its own."""
    content = archive(entry(request="a"), {"here": 1}, entry(request="b")).replace(
        json.dumps({"here": 1}, indent=1).replace("\n", "\n   ").encode(), bad
    )
    assert bad in content
    done = await imported(store, tmp_path / "a.har", content)
    assert [place for place, _ in done.faults] == ["entry 2"]
    assert (done.read, done.stored) == (3, 2)


async def test_bytes_that_are_no_utf_8_and_control_characters_in_a_file(store: Store, tmp_path: Path) -> None:
    """They are kept as they are."""
    content = archive(entry(request="MARK")).replace(b"MARK", b"\xff\xfe \x01")
    done = await imported(store, tmp_path / "a.har", content)
    assert (done.stored, done.faulty) == (1, 0)
    (document,) = await documents(store)
    assert await store.raw(document["_id"], "request") == b"\xff\xfe \x01"


async def test_a_zipped_archive_with_bodies_in_files(store: Store, tmp_path: Path) -> None:
    """Playwright writes such archives; a file that is missing is named."""
    whole, lacking = entry(request="a"), entry(request="b")
    for each, name in ((whole, "1a2b.json"), (lacking, "missing.json")):
        del each["response"]["content"]["text"]
        each["response"]["content"]["_file"] = name
    path = tmp_path / "a.har.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("1a2b.json", b'{"candidates":[]}\xff')
        zipped.writestr("har.har", archive(whole, lacking))
    done = await imported(store, path, path.read_bytes())
    assert (done.stored, done.faulty) == (2, 0)
    assert [place for place, _ in done.doubts] == ["entry 2"]
    assert "a file for it that is not there" in done.doubts[0][1]
    (document,) = [each for each in await documents(store) if each["request"]["body"] == "a"]
    assert await store.raw(document["_id"], "response") == b'{"candidates":[]}\xff'


async def test_an_archive_names_no_files_of_other_folders(store: Store, tmp_path: Path) -> None:
    """Beside an archive that is not zipped its own folder is looked in, and nothing else."""
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "recorded"
    folder.mkdir()
    (folder / "beside.bin").write_bytes(b"beside")
    (folder / "link").symlink_to(tmp_path / "secret")
    entries = []
    for name in ("beside.bin", "../secret", str(tmp_path / "secret"), "link"):
        entries.append(entry(request=name))
        entries[-1]["response"]["content"] = {"_file": name}
    done = await imported(store, folder / "a.har", archive(*entries))
    assert [place for place, _ in done.doubts] == ["entry 2", "entry 3", "entry 4"]
    found = {each["request"]["body"]: await store.raw(each["_id"], "response") for each in await documents(store)}
    assert found == {"beside.bin": b"beside", "../secret": b"", str(tmp_path / "secret"): b"", "link": b""}


async def test_damaged_zip_files(store: Store, tmp_path: Path) -> None:
    """One archive in a file does not end the other."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a.har", archive(entry(request="a")))
        zipped.writestr("b.har", archive(entry(request="b")))
    content = path.read_bytes().replace(b'"a browser"', b'"A browser"', 1)
    done = await imported(store, path, content)
    assert [place for place, _ in done.faults] == ["a.har"]
    assert "CRC" in done.faults[0][1]
    assert done.stored == 1
    with pytest.raises(ImportFailed, match="not a complete zip file"):
        await imported(store, path, content[:300])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("bomb.har", b" " * 2**27)
    done = await imported(store, path, path.read_bytes())
    assert "which no archive shrinks to" in done.faults[0][1]
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("readme", "x")
    with pytest.raises(ImportFailed, match="no HAR in it"):
        await imported(store, path, path.read_bytes())


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
    """Any entry is an exchange or a fault."""
    content = json.dumps({"log": {"entries": [{**entry(), name: value}, entry()]}}).encode()
    found = list(har.read(io.BytesIO(content), lambda _: None))
    assert isinstance(found[0].content, BadEntry | ReadExchange)
    assert isinstance(found[1].content, ReadExchange)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"startedDateTime": "yesterday"}, "startedDateTime is no time"),
        ({"response": {"status": "fine", "headers": []}}, "the status of its response is no number"),
        ({"request": {"method": "GET"}}, "it has no url"),
        ({"request": []}, "a value in it has another type than it should have"),
    ],
)
def test_the_fault_of_an_entry_is_told_in_words(change: dict[str, Any], why: str) -> None:
    """Which value is wrong, and never the name of an exception."""
    content = json.dumps({"log": {"entries": [{**entry(), **change}]}}).encode()
    (found,) = har.read(io.BytesIO(content), lambda _: None)
    assert found.content == BadEntry(f"it is not an entry of an HTTP Archive ({why})")
