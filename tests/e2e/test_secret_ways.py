"""Secrets on every way into Gemtap and out of it: uploads, redirects, signed URLs, sessions, imports and exports."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from bson import ObjectId
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection
from websockets.typing import Subprotocol

from gemtap.exporters.registry import FORMATS
from tests.e2e.leaks import files_with, mongodb_values, sqlite_values
from tests.e2e.running_gemtap import RunningGemtap
from tests.mongod import Mongod
from tests.wire.peers import Peer, ScriptedUpstream, request, response
from tests.wire.test_websockets import LIVE, LiveUpstream

# Also as the words that searches go by.
CANARY = re.compile(rb"canary[- ]\d{5}|zyxwvutsrqponm", re.IGNORECASE)

GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
UPLOAD = "/upload/v1beta/files"
STORE = "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore"

_numbers = count(1)


def canary() -> str:
    """A secret that is found wherever it stands. Each is another one."""
    return f"canary-{next(_numbers):05}-zyxwvutsrqponm"


def signed() -> str:
    """A URL that is signed with a canary."""
    return (
        "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=900"
        f"&X-Goog-Signature={canary()}&X-Goog-SignedHeaders=host"
    )


def azure() -> str:
    return f"https://images.blob.core.windows.net/c/o.png?sv=2026-01-01&sig={canary()}%3D&sp=r"


def mcp() -> dict[str, Any]:
    """A tool whose headers have a canary."""
    return {"type": "mcp_server", "url": "https://mcp.test/", "headers": {"Authorization": f"Bearer {canary()}"}}


def said(text: str) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    }


def asked(*parts: object, **fields: object) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": list(parts)}], **fields}).encode()


@dataclass(frozen=True)
class Asked:
    """One exchange: what the client sends, and what the upstream answers."""

    target: str
    answer: bytes
    headers: tuple[str, ...] = ()
    method: str = "POST"
    body: bytes = b""
    pieces: int = 1
    """Into how many the answer is cut."""


def uploads(origin: str) -> Iterator[Asked]:
    """Every step of the protocols of uploads: the URL of an upload is all that its later steps need."""
    begin = ("X-Goog-Upload-Protocol: resumable", "X-Goog-Upload-Command: start", f"X-Goog-Api-Key: {canary()}")
    for path in (UPLOAD, STORE):
        id_ = canary()
        url = f"{origin}{path}?upload_id={id_}&upload_protocol=resumable"
        given = (f"X-Goog-Upload-URL: {url}", f"X-Goog-Upload-Control-URL: {url}", f"X-GUploader-UploadID: {id_}")
        yield Asked(path, response(*given, "X-Goog-Upload-Status: active", body=b""), begin, body=b'{"file":{}}')
        later = f"{path}?upload_id={id_}&upload_protocol=resumable"
        for command in ("upload", "query", "upload, finalize", "finalize", "cancel"):
            sent = b"%PDF-1.4 words" if command.startswith("upload") else b""
            answer = response("X-Goog-Upload-Status: active", f"X-GUploader-UploadID: {id_}", body=f"of {id_}".encode())
            yield Asked(later, answer, (f"X-Goog-Upload-Command: {command}", "X-Goog-Upload-Offset: 0"), body=sent)
        answer = response(f"Range: bytes=0-{id_}", status="308 Resume Incomplete", body=id_.encode())
        yield Asked(f"{path}?uploadType=resumable&upload_id={id_}", answer, method="PUT", body=b"bytes")
        answer = response(status="400 Bad Request", body=b'{"error":{"message":"no upload ' + id_.encode() + b'"}}')
        yield Asked(later, answer, body=b"bytes")
    yield Asked(f"{UPLOAD}?uploadType=media&key={canary()}", response(f"Location: {signed()}", body=b"{}"), body=b"a")


def redirects() -> Iterator[Asked]:
    """URLs with credentials in headers, and the pages that repeat them."""
    for header in ("Location", "Content-Location", "Link", "Refresh", "X-Anything"):
        for url in (signed(), azure(), f"https://accounts.test/?access_token={canary()}&a=1", f"/x?key={canary()}"):
            value = {"Link": f'<{url}>; rel="next"', "Refresh": f"0; url={url}"}.get(header, url)
            page = f'<A HREF="{url.replace("&", "&amp;")}">here</A>'.encode()
            answer = response("Content-Type: text/html", f"{header}: {value}", status="302 Found", body=page)
            yield Asked("/v1beta/files/a:download?alt=media", answer, method="GET")
    nested = f"https://x.test/?continue=https%3A%2F%2Fy.test%2F%3Faccess_token%3D{canary()}%26b%3D1"
    yield Asked(GENERATE, response(f"Location: {nested}", status="307 Temporary Redirect"), body=asked())
    yield Asked(GENERATE, response(), (f"Referer: https://app.test/?access_token={canary()}",), body=asked())


def bodies() -> Iterator[Asked]:
    """Signed URLs and headers of tools in requests and answers, whole, in pieces and compressed."""
    words = {"text": "What is this?"}
    for url in (signed(), azure()):
        named = asked({"fileData": {"mimeType": "image/png", "fileUri": url}}, words)
        told = json.dumps(said(f"It is at {url}\nand {url}.")).encode()
        escaped = told.replace(b"&", rb"\u0026").replace(b"=", rb"\u003d")
        for answer in (told, escaped):
            yield Asked(GENERATE, response("Content-Type: application/json", body=answer), body=named)
        packed = response("Content-Type: application/json", "Content-Encoding: gzip", body=gzip.compress(told))
        yield Asked(GENERATE, packed, body=named)
        events = b"data: " + json.dumps(said("So: ")).encode() + b"\r\n\r\ndata: " + told + b"\r\n\r\n"
        yield Asked(STREAM, response("Content-Type: text/event-stream", body=events), body=named, pieces=40)
    tool = mcp()
    secret = tool["headers"]["Authorization"].removeprefix("Bearer ")
    told = json.dumps(said(f"I used {secret}.")).encode()
    answer = response("Content-Type: application/json", body=told)
    yield Asked(GENERATE, answer, (f"Cookie: session={canary()}",), body=asked(words, tools=[tool]))


def run(gemtap: RunningGemtap, upstream: ScriptedUpstream, each: Asked, *, broken: bool = False) -> None:
    """One exchange. The upstream gets what was sent, and the client what was answered, unless it breaks off."""
    with Peer.to(gemtap.port) as client:
        client.send(request(each.target, *each.headers, "Connection: close", method=each.method, body=each.body))
        with upstream.accept() as peer:
            assert peer.take_request()[1] == each.body
            sent = each.answer[: len(each.answer) - 3] if broken else each.answer
            size = len(sent) // each.pieces + 1
            for at in range(0, len(sent), size):
                peer.send(sent[at : at + size])
            if broken:
                peer.close()
                client.take_rest()
            else:
                head, body = client.take_response()
                assert each.answer.endswith(body)
                assert len(CANARY.findall(head.raw)) == len(CANARY.findall(each.answer.split(b"\r\n\r\n")[0]))


def converse(gemtap: RunningGemtap, live: LiveUpstream) -> int:
    """Sessions with credentials in the handshake, in messages and in how they end. Returns their number."""
    address = f"ws://127.0.0.1:{gemtap.port}{LIVE}"
    message = json.dumps({"setup": {"model": "models/live", "tools": [mcp()], "files": [signed()]}})

    def repeat(session: ServerConnection) -> None:
        received = session.recv()
        session.send(received)
        session.send(received.encode() if isinstance(received, str) else received)
        session.close(1011, f"not {canary()[:5]}")

    def vanish(session: ServerConnection) -> None:
        session.send(session.recv())
        session.transport.abort() if hasattr(session, "transport") else session.socket.close()

    for script in (repeat, vanish):
        live.script = script
        protocols = [Subprotocol("second"), Subprotocol(f"openai-insecure-api-key.{canary()}")]
        headers = {"Cookie": f"session={canary()}", "Authorization": f"Bearer {canary()}"}
        with connect(f"{address}?key={canary()}", additional_headers=headers, subprotocols=protocols) as session:
            session.send(message)
            assert session.recv() == message
            with contextlib.suppress(ConnectionClosed):
                while True:
                    session.recv()
    with pytest.raises(InvalidStatus):
        connect(f"{address}/refuse?access_token={canary()}", additional_headers={"Cookie": f"a={canary()}"})
    return 3


def archive() -> bytes:
    """A HAR file of a browser, whose last entries cannot be read."""
    url = f"https://generativelanguage.googleapis.com{GENERATE}?key={canary()}"
    cookie, handed_out = canary(), canary()
    entry: dict[str, Any] = {
        "startedDateTime": "2026-03-14T13:00:00.250Z",
        "time": 1300.5,
        "request": {
            "method": "POST",
            "url": url,
            "httpVersion": "h2",
            "headers": [
                {"name": "Cookie", "value": f"session={cookie}; theme=dark"},
                {"name": "Authorization", "value": f"Bearer {canary()}"},
                {"name": "X-Goog-Api-Key", "value": canary()},
                {"name": "Content-Type", "value": "application/json"},
                {"name": "Referer", "value": f"https://app.test/?access_token={canary()}"},
            ],
            "cookies": [{"name": "session", "value": cookie}],
            "queryString": [{"name": "key", "value": canary()}],
            "postData": {"mimeType": "application/json", "text": asked({"text": "Hi"}, tools=[mcp()]).decode()},
        },
        "response": {
            "status": 200,
            "headers": [
                {"name": "Set-Cookie", "value": f"session={handed_out}; HttpOnly"},
                {"name": "Location", "value": signed()},
                {"name": "Content-Type", "value": "application/json"},
            ],
            "cookies": [{"name": "session", "value": handed_out}],
            "content": {"text": json.dumps(said(f"{cookie} and {handed_out} and {azure()}"))},
        },
        "timings": {"send": 1, "wait": 2, "receive": 3},
    }
    session = {
        **entry,
        "request": {**entry["request"], "url": url.replace("https", "wss").replace(GENERATE, LIVE), "postData": None},
        "response": {**entry["response"], "status": 101, "content": {}},
        "_webSocketMessages": [
            {"type": "send", "time": 1773489600.5, "opcode": 1, "data": json.dumps({"setup": {"tools": [mcp()]}})},
            {"type": "receive", "time": 1773489601, "opcode": 2, "data": base64.b64encode(cookie.encode()).decode()},
        ],
    }
    failed = {**entry, "response": {**entry["response"], "status": 0, "_error": f"failed: {url}"}, "time": 1}
    handing = {
        **entry,
        "request": {**entry["request"], "url": "https://generativelanguage.googleapis.com/v1alpha/auth_tokens"},
        "response": {**entry["response"], "content": {"text": json.dumps({"name": f"auth_tokens/{canary()}"})}},
    }
    bad: list[Any] = [
        {**entry, "startedDateTime": canary()},
        {**entry, "time": canary()},
        {**entry, "request": {canary(): 1}},
        {**entry, "response": {**entry["response"], "status": canary()}},
        {**entry, "request": {**entry["request"], "url": f"https://[{canary()}"}},
        {**entry, "request": {**entry["request"], "postData": {"text": canary(), "encoding": "base64"}}},
        canary(),
    ]
    log = {
        "version": "1.2",
        "creator": {"name": "a", "version": "1"},
        "entries": [entry, session, failed, handing, *bad],
    }
    # Not JSON any more, right behind a secret.
    return json.dumps({"log": log}).encode()[:-3] + b', {"key": "' + canary().encode() + b'" ! }'


def trace() -> bytes:
    """Lines of claude-tap, the last ones faulty."""
    line: dict[str, Any] = {
        "timestamp": "2026-02-17T05:35:11.000000+00:00",
        "duration_ms": 6000,
        "request": {
            "method": "POST",
            "path": f"{GENERATE}?key={canary()}",
            "headers": {"x-goog-api-key": canary(), "Cookie": f"a={canary()}", "Authorization": f"Bearer {canary()}"},
            "body": json.loads(asked({"text": "Hi"}, tools=[mcp()])),
        },
        "response": {
            "status": 200,
            "headers": {"Set-Cookie": f"a={canary()}", "Location": signed()},
            "body": said(f"At {azure()}."),
        },
        "upstream_base_url": "https://generativelanguage.googleapis.com",
    }
    session = {
        **line,
        "transport": "websocket",
        "request": {**line["request"], "path": f"{LIVE}?key={canary()}", "ws_events": [{"setup": {"tools": [mcp()]}}]},
        "response": {**line["response"], "status": 101, "ws_events": [{"url": signed()}]},
    }
    bad = [{**line, "timestamp": canary()}, {**line, "request": {"path": canary()}}, {**line, "duration_ms": canary()}]
    lines = [json.dumps(each).encode() for each in (line, session, *bad)]
    return b"\n".join([*lines, b'{"key": "' + canary().encode() + b'"', canary().encode()])


def command(gemtap: RunningGemtap, *arguments: str, status: int | None = 0) -> bytes:
    """What a command says and writes to its output."""
    done = subprocess.run(
        [sys.executable, "-m", "gemtap", *arguments, *gemtap.reading], capture_output=True, timeout=90, check=False
    )
    assert status in (None, done.returncode), done.stderr
    return done.stdout + done.stderr


def exported(gemtap: RunningGemtap, id_: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every format of `gemtap export`, with everything that it can have in it."""
    for name, form in FORMATS.items():
        if name == "parquet":
            target = folder / "all.parquet"
            command(gemtap, "export", name, "--bodies", "-o", str(target))
            yield name, str(pyarrow.parquet.read_table(target).to_pylist()).encode()
        elif form.shows_one:
            yield name, command(gemtap, "export", name, id_)
        else:
            flags = ["--bodies"] if name == "csv" else ["--every-turn"] if form.trains else []
            yield name, command(gemtap, "export", name, *flags)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["sqlite", "mongodb"])
def test_no_secret_is_anywhere(
    store: str, tmp_path: Path, mongod: Mongod, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whichever way it came, it is in no file, value, index, page, export, log or message, after good and bad ends."""
    database = f"ways_{ObjectId()}"
    upstream, live = ScriptedUpstream(), LiveUpstream()
    flags = ["--store", f"{mongod.url}/{database}"] if store == "mongodb" else []
    gemtap = RunningGemtap(tmp_path, upstream.origin, "--log-level", "debug", *flags)
    sessions = RunningGemtap(tmp_path_factory.mktemp("live"), live.origin, "--log-level", "debug", *flags)
    outside = tmp_path_factory.mktemp("outside")
    try:
        ways = [*uploads(upstream.origin), *redirects(), *bodies()]
        for each in ways:
            run(gemtap, upstream, each)
        for each in [*uploads(upstream.origin), *bodies()][::3]:
            run(gemtap, upstream, each, broken=True)
            ways.append(each)
        conversed = converse(sessions, live)
        if store == "sqlite":
            sessions.newest(conversed)
        gemtap.newest(len(ways) if store == "sqlite" else len(ways) + conversed)
        for name, content, faulty in (("a.har", archive(), 8), ("a.jsonl", trace(), 5)):
            (outside / name).write_bytes(content)
            told = command(gemtap, "import", str(outside / name), "--everything", "--json", status=1)
            assert not CANARY.search(told), told
            assert json.loads(told)[str(outside / name)]["faulty"] == faulty
            assert json.loads(told)[str(outside / name)]["stored"] > 1
        items = gemtap.api("interactions?limit=500")["items"]
        conversations = [each["id"] for each in items if each["operation"] == "generateContent" and not each["error"]]
        pages = ["/", "/threads", "/analytics", "/health", "/setup", "/readyz", "/api/threads", "/api/interactions"]
        pages += [f"/api/interactions/{each['id']}" for each in items]
        # One of each kind; those that were imported are the oldest.
        shown = {each["operation"]: each["id"] for each in reversed(items)} | {
            each["id"]: each["id"] for each in items[-7:]
        }
        pages += [f"/interactions/{id_}" for id_ in shown.values()]
        assert [page for page in pages if CANARY.search(gemtap.get(page)[1])] == []
        contents = list(exported(gemtap, conversations[0], tmp_path))
        assert {name for name, _ in contents} == set(FORMATS)
        assert [name for name, content in contents if CANARY.search(content)] == []
        assert {name for name, content in contents if b"[redacted:" in content} == set(FORMATS)
        for arguments in (["ls"], ["show", conversations[0]], ["doctor"]):
            assert not CANARY.search(command(gemtap, *arguments, status=None)), arguments
    finally:
        gemtap.close()
        sessions.close()
        upstream.close()
        live.close()
    assert [*files_with(CANARY, tmp_path), *files_with(CANARY, sessions.data_dir.parent)] == []
    values = [*sqlite_values(tmp_path), *sqlite_values(sessions.data_dir), *mongodb_values(mongod, database)]
    assert sum(b"[redacted:" in value for value in values) > 50
    assert [value[:300] for value in values if CANARY.search(value)] == []
