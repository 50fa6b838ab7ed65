"""`gemtap check --secrets` names the credentials that rest in a store, and `--redact` leaves nothing of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import msgpack
import pytest
from bson import ObjectId
from typer.testing import CliRunner

from gemtap.capture.events import Kind, read_events
from gemtap.capture.spool import Spool
from gemtap.capture.tap_folder import TapFolder
from gemtap.cli.app import app, register
from gemtap.interaction import Json
from gemtap.stores.base import Record, Store
from gemtap.stores.query.parsing import parse
from gemtap.upkeep.secrets import examine, make_searchable_again, redact_examined
from gemtap.upkeep.spool_secrets import SpooledSecret, examine_spool
from tests.captures import JSON, make_capture
from tests.e2e.leaks import mongodb_values, sqlite_values
from tests.exactness import exactly
from tests.mongod import Mongod
from tests.records import NOON, make_record
from tests.unit.cli.conftest import with_store

pytestmark = pytest.mark.anyio

PASTED = "ghp_" + "Canary0" * 5 + "x"
DECLARED = "canary-declared-0123456789"
HEADER = "canary-header-0123456789"
QUERY = "canary-query-0123456789"
TOKEN = "auth_tokens/canary-answer-0123456789"
SHORT = "hunter2"
"""Too short to be looked for elsewhere, and replaced where it stands."""
GZIP = [*JSON, (b"content-encoding", b"gzip")]
SESSION = "canary-session-0123456789"
STREAMED = "AKIA" + "CANARYCANARYCANA"


def body(value: Json) -> bytes:
    return json.dumps(value, separators=(", ", ": ")).encode()


def secrets_of_old() -> dict[str, Record]:
    """Records as a Gemtap that did not know these secrets has stored them, by what is in them."""
    tool = {"type": "mcp_server", "headers": {"Authorization": f"Bearer {DECLARED}", "X-Pin": SHORT}}
    frames = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in (STREAMED[:9], STREAMED[9:])]
    stream = b"".join(b"data: " + body(frame) + b"\r\n\r\n" for frame in frames)
    answer = {"candidates": [{"content": {"parts": [{"text": f"It is {STREAMED}."}]}}]}
    sides = [msgpack.packb([5, body({"setup": {"tools": [tool | {"headers": {"X": SESSION}}]}}).decode()]), b""]
    messages = {"messages": [{"at_ms": 0.005, "data": {"setup": {"tools": [{"headers": {"X": SESSION}}]}}}]}
    return {
        "declared": make_record(request_raw=body({"input": f"use {PASTED} now", "tools": [tool]})),
        "head": make_record(
            request={"query": f"alt=json&key={QUERY}", "headers": {"x-goog-api-key": HEADER, "accept": "*/*"}},
            note=f"the key was {HEADER}",
        ),
        "answer": make_record(
            request={"path": "/v1beta/auth_tokens"}, response_raw=body({"name": TOKEN, "expireTime": "2026-03-14"})
        ),
        "stream": make_record(response_raw=stream, accumulated=answer),
        "session": make_record(
            request_raw=sides[0],
            response_raw=sides[1],
            request={"method": "GET", "path": "/ws/Bidi", "body": messages},
            response={"status": 101, "body": {"messages": []}},
            accumulated={"messages": []},
        ),
        "urls": make_record(
            request={"path": "/upload/v1beta/files", "query": f"upload_id={UPLOAD}", "headers": {"referer": REFERER}},
            request_raw=body({"contents": [{"parts": [{"fileData": {"fileUri": SIGNED}}]}]}),
        ),
        "harmless": make_record(request_raw=body({"input": "sk-nothing, keys and tokens"})),
    }


UPLOAD = "canary-upload-0123456789"
REFERRED, SIGNATURE = "canary-referer-0123456789", "canary-signature-0123456789"
REFERER = f"https://app.test/?access_token={REFERRED}&a=1"
SIGNED = f"https://storage.googleapis.com/b/o?X-Goog-Expires=900&X-Goog-Signature={SIGNATURE}"
ALL = [PASTED, DECLARED, HEADER, QUERY, TOKEN, SHORT, SESSION, STREAMED, UPLOAD, REFERRED, SIGNATURE]


async def test_what_is_found_is_replaced_everywhere(
    store: Store, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Secrets in heads, bodies, streams, sessions and notes are named, then gone; the rest is as it was."""
    records = secrets_of_old()
    await store.put(list(records.values()))
    names = {record.document["_id"]: name for name, record in records.items()}
    found = [each async for each in examine(store) if each.secrets]
    where = {(names[secret.id], secret.where) for each in found for secret in each.secrets}
    assert where >= {
        ("declared", "request.body"),
        ("declared", "request.body.tools.headers.Authorization"),
        ("declared", "request.body.tools.headers.X-Pin"),
        ("head", "request.headers.x-goog-api-key"),
        ("head", "request.query.key"),
        ("answer", "response.body.name"),
        ("stream", "response.body"),
        ("session", "request.body.setup.tools.headers.X"),
        ("urls", "request.query.upload_id"),
        ("urls", "request.headers.referer"),
        ("urls", "request.body"),
    }
    assert "harmless" not in {name for name, _ in where}
    assert not any(secret in str(each.secrets) for each in found for secret in ALL)

    assert await redact_examined(store, found) == 6
    await make_searchable_again(store)
    async for _ in store.maintenance.reclaim():
        pass
    assert [each.secrets async for each in examine(store) if each.secrets] == []
    harmless = records["harmless"].document
    assert exactly(await store.get(harmless["_id"])) == exactly(harmless)
    cleaned = await store.get(records["declared"].document["_id"])
    assert cleaned is not None
    assert cleaned["request"]["body_redacted"] is True
    assert await store.raw(cleaned["_id"], "request") == body(
        {
            "input": "use [redacted] now",
            "tools": [{"type": "mcp_server", "headers": {"Authorization": "[redacted]", "X-Pin": "[redacted]"}}],
        }
    )
    assert await store.list(parse("hunter2", NOON), limit=5) == []
    assert [fault async for fault in store.maintenance.check()] == []
    await store.close()
    assert leaked(store_url, tmp_path, request) == []


def leaked(store_url: str, folder: Path, request: pytest.FixtureRequest) -> list[str]:
    """Which of the secrets are anywhere in a store."""
    if store_url.startswith("mongodb"):
        mongod: Mongod = request.getfixturevalue("mongod")
        values = list(mongodb_values(mongod, store_url.rsplit("/", 1)[1]))
    else:
        values = list(sqlite_values(folder))
    assert any(b"[redacted]" in value for value in values)
    return [secret for secret in ALL if any(secret.lower().encode() in value.lower() for value in values)]


def test_the_command_says_where_and_replaces(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exits with 1 while there are secrets, never prints one, and with 0 once it has replaced them."""
    monkeypatch.chdir(tmp_path)
    register()
    with_store(store_url, lambda store: store.put(list(secrets_of_old().values())))
    run = ["check", "--secrets", "--json", "--store", store_url]
    for arguments, status in ((run, 1), ([*run, "--redact"], 0), (run, 0)):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == status, done.output
        assert not any(secret in done.output for secret in ALL)
        said = json.loads(done.stdout)
        assert said["read"] == 7
        assert said["redacted"] == (6 if "--redact" in arguments else 0)
        assert bool(said["secrets"]) == (arguments is not run or status == 1)
    assert leaked(store_url, tmp_path, request) == []


def test_the_spool_is_searched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures that wait, are under way or have failed, readable or not, and what lies beside them."""
    monkeypatch.chdir(tmp_path)
    register()
    url = f"sqlite:///{tmp_path}/gemtap.db"
    with_store(url, lambda store: store.put([secrets_of_old()["harmless"]]))
    spool = Spool(tmp_path / "data" / "spool")
    spool.create()
    clean = make_capture(request=[(1, body({"input": "nothing"}))])
    tool = {"type": "mcp_server", "headers": {"Authorization": f"Bearer {DECLARED}"}}
    asked = make_capture(request=[(1, gzip.compress(body({"tools": [tool]})))], request_headers=GZIP)
    pasted = make_capture(request=[(1, body({"input": PASTED}))], outcome=None)
    (spool.open / "1-a").mkdir()
    files = {
        spool.ready / f"{ObjectId()}.capture": (clean, set()),
        spool.failed / f"{ObjectId()}.capture": (asked, {"request.body.tools.headers.Authorization"}),
        spool.open / "1-a" / f"{ObjectId()}.capture": (pasted, {"request.body"}),
        spool.failed / f"{ObjectId()}.capture": (b"\xff torn " + PASTED.encode(), {"bytes"}),
        spool.failed / "a.reason.txt": (f"it said {PASTED}".encode(), {"bytes"}),
    }
    for path, (content, _) in files.items():
        path.write_bytes(content)
    run = ["check", "--secrets", "--store", url, "--data-dir", str(tmp_path / "data")]
    done = CliRunner().invoke(app, [*run, "--json", "--redact"])
    assert done.exit_code == 1, done.output
    said = json.loads(done.stdout)["spool"]
    assert said["read"] == 5
    found = {(each["file"], each["where"]) for each in said["secrets"]}
    assert found == {(str(path.relative_to(spool.path)), where) for path, (_, all_) in files.items() for where in all_}
    for_people = CliRunner().invoke(app, run)
    assert "Secrets in 4 of 5 files in the spool" in for_people.output
    assert not any(secret in done.output + for_people.output for secret in ALL)
    assert {path.read_bytes() for path in files} == {content for content, _ in files.values()}
    for path in files:
        path.unlink()
    done = CliRunner().invoke(app, run)
    assert done.exit_code == 0
    assert "0 files in the spool, no secret found." in done.output


def test_journals_are_searched_too(tmp_path: Path) -> None:
    """Exchanges that have ended and that have not, those that went on in files, and what is damaged."""
    spool = Spool(tmp_path)
    spool.create()
    tap = TapFolder(spool)
    names = []
    for capture, moves in (
        (make_capture(request=[(1, body({"input": "nothing"}))]), False),
        (make_capture(request=[(1, body({"input": PASTED}))]), False),
        (make_capture(request=[(1, body({"input": PASTED}))], outcome=None), False),
        (make_capture(request=[(1, body({"input": PASTED}))], outcome=None), True),
    ):
        names.append(max(tap.path.glob("*.segment")).relative_to(tmp_path))
        written = tap.capture(ObjectId())
        for event in read_events(capture):
            written.write(Kind(event.kind), event.at, event.value)
        if moves:
            written.move()
        tap.rotate()
    first = tmp_path / names[1]
    first.write_bytes(first.read_bytes()[:-30] + bytes(30))

    async def examine() -> list[SpooledSecret]:
        return [secret async for found in examine_spool(spool) for secret in found]

    found = asyncio.run(examine())
    segments = {(each.file, each.where) for each in found if each.file.endswith(".segment")}
    assert segments == {(str(name), "request.body") for name in names[1:]}
    assert [each.where for each in found if each.file.endswith(".capture")] == ["request.body"]
    tap.close()


def test_redact_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--redact` says that it needs `--secrets`."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["check", "--redact", "--store", f"sqlite:///{tmp_path / str(ObjectId())}.db"])
    assert done.exit_code != 0
