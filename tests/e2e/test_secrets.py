"""The API key is stored nowhere: not in files, documents or logs, not even compressed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bson import ObjectId
from google import genai
from google.genai import errors, types
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.leaks import files_with, mongodb_values, sqlite_values
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually
from tests.mongod import Mongod
from tests.ports import free_port
from tests.wire.peers import Peer, ScriptedUpstream, request, response

KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"

# Also as the words of the search index.
SECRET = re.compile(rb"canary[- ]0123456789|6123456789abcdef[- ]canary", re.IGNORECASE)
OTHER_KEY = "ya29.6123456789abcdef-canary"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def use_keys(gemtap: RunningGemtap, api: SimulatedApi, upstream: ScriptedUpstream | None) -> None:
    """Send keys in every place that may carry one, with the SDK and by hand."""
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gemtap.origin))
    client.models.generate_content(model="gemini-2.5-flash", contents="Why?")
    list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="Why?"))
    with pytest.raises(errors.ClientError, match="Canary"):
        client.models.generate_content(model="error-echo-key", contents="Why?")
    for target, header in (
        (f"{GENERATE}?key={KEY}", "X-Nothing: 1"),
        (f"{GENERATE}?access_token={OTHER_KEY}&alt=json", "X-Nothing: 1"),
        (GENERATE, f"Authorization: Bearer {OTHER_KEY}"),
        (GENERATE, f"Cookie: session={KEY}"),
        (f"/nowhere?key={KEY}", f"x-api-key: {OTHER_KEY}"),
        (f"{GENERATE}?%6Bey={KEY.replace('C', '%43')}", f"Authorization: Token {OTHER_KEY}"),
        (GENERATE, f"Authorization: Basic {base64.b64encode(OTHER_KEY.encode()).decode()}"),
        (GENERATE, f"Proxy-Authorization: Bearer {OTHER_KEY}"),
        (f"/v1beta/openai/chat/completions?api_key={KEY}", f"api-key: {OTHER_KEY}"),
        (f"/v1internal:loadCodeAssist?oauth_token={KEY}", f"authorization: bearer {OTHER_KEY}"),
    ):
        with Peer.to(gemtap.port) as peer:
            peer.send(request(target, header))
            peer.take_response()
    live = f"{gemtap.origin.replace('http', 'ws', 1)}{LIVE}"
    for address, headers in ((f"{live}?key={KEY}", {}), (live, {"Authorization": f"Token {OTHER_KEY}"})):
        with connect(address, additional_headers=headers, proxy=None) as session:
            session.send(json.dumps({"setup": {"model": "models/gemini-2.5-flash"}}))
            session.recv()
    with pytest.raises(InvalidStatus):
        connect(f"{gemtap.origin.replace('http', 'ws', 1)}/ws/nowhere?access_token={KEY}", proxy=None)


def echo_key(gemtap: RunningGemtap, upstream: ScriptedUpstream) -> None:
    """Error responses that repeat the key, plain and compressed."""
    text = b'{"error":{"code":400,"message":"API key not valid: ' + KEY.encode() + b'","status":"INVALID_ARGUMENT"}}'
    for headers, body in (([], text), (["Content-Encoding: gzip"], gzip.compress(text))):
        with Peer.to(gemtap.port) as client:
            client.send(request(f"{GENERATE}?key={KEY}"))
            with upstream.accept() as peer:
                peer.take_request()
                peer.send(response("Connection: close", *headers, status="400 Bad Request", body=body))
                assert client.take_response()[1] == body
    for header in (
        f"Location: {upstream.origin}{GENERATE}?key={KEY}",
        f"Location: https://accounts.example/login?access_token={KEY}",
        f"X-Goog-Upload-URL: {upstream.origin}/upload/v1beta/files?upload_id=u&key={KEY}",
        f"Set-Cookie: session={KEY}",
    ):
        with Peer.to(gemtap.port) as client:
            client.send(request(GENERATE, f"x-goog-api-key: {KEY}"))
            with upstream.accept() as peer:
                peer.take_request()
                peer.send(response("Connection: close", header, status="307 Temporary Redirect"))
                head, _ = client.take_response()
                assert KEY.encode() in head.raw


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_the_key_is_nowhere(
    kind: str, api: SimulatedApi, upstream: ScriptedUpstream, tmp_path: Path, mongod: Mongod
) -> None:
    """After normal and failing traffic, no file contains a key."""
    database = f"secrets_{ObjectId()}"
    flags = ("--store", f"{mongod.url}/{database}") if kind == "mongodb" else ()
    for folder, origin, count in ((tmp_path / "a", api.origin, 16), (tmp_path / "b", upstream.origin, 22)):
        folder.mkdir()
        gemtap = RunningGemtap(folder, origin, "--log-level", "debug", *flags)
        try:
            if origin == api.origin:
                use_keys(gemtap, api, upstream)
                gemtap.newest(count)
            else:
                echo_key(gemtap, upstream)
                gemtap.newest(6 if kind == "sqlite" else count)
        finally:
            gemtap.close()

    assert files_with(SECRET, tmp_path) == []
    seen = 0
    for value in [*sqlite_values(tmp_path), *mongodb_values(mongod, database)]:
        seen += b"[redacted:" in value
        assert not SECRET.search(value)
    assert seen >= 16


@pytest.mark.parametrize(
    "raw",
    [
        f"GET {GENERATE}?key={KEY} HTTP/9.9\r\nHost: localhost\r\n\r\n",
        f"GET {GENERATE}?key={KEY}\r\n\r\n",
        f"POST {GENERATE} HTTP/1.1\r\nHost: localhost\r\nx-goog-api-key {KEY}\r\n\r\n",
        f"POST {GENERATE} HTTP/1.1\r\nHost: localhost\r\nx-goog-api-key: {KEY}\r\nContent-Length: {KEY}\r\n\r\n",
        f"POST {GENERATE}?key={KEY} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n",
        f"POST {GENERATE} HTTP/1.1\r\nHost: localhost\r\nx-goog-api-key: {KEY}\r\nX-Long: {'x' * 200_000}\r\n\r\n",
        f"{KEY}\r\n\r\n",
        f"GET {GENERATE}?key={KEY} HTTP/1.1\r\nHost: rebound.example\r\n\r\n",
        f"GET {LIVE}?key={KEY} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["version", "no version", "no colon", "bad length", "bad chunk", "too long", "no http", "host", "handshake"],
)
def test_not_after_a_request_that_is_none(gemtap: RunningGemtap, raw: str) -> None:
    """A malformed request leaves its key in no file and in no response."""
    with Peer.to(gemtap.port) as peer:
        peer.send(raw.encode())
        peer.finish()
        answer = peer.take_rest()
    assert not SECRET.search(answer)
    assert files_with(SECRET, gemtap.data_dir.parent) == []


def test_not_after_what_goes_wrong(tmp_path: Path) -> None:
    """No key is stored when upstream and database are down and the tap aborts with requests in memory."""
    store = f"mongodb://gemtap:{KEY}@127.0.0.1:{free_port()}/gemtap?serverSelectionTimeoutMS=200"
    gemtap = RunningGemtap(tmp_path, f"http://127.0.0.1:{free_port()}", "--log-level", "debug", "--store", store)
    try:
        for _ in range(3):
            with Peer.to(gemtap.port) as peer:
                peer.send(request(f"{GENERATE}?key={KEY}", f"Authorization: Bearer {OTHER_KEY}"))
                head, body = peer.take_response()
                assert head.status == 502
                assert not SECRET.search(body)
        told = eventually(lambda: (ready := gemtap.ready())["error"] and ready)
        pages = [gemtap.get(path)[1] for path in ("/", "/api/interactions", "/setup", "/openapi.json")]
        assert not SECRET.search(b"".join([json.dumps(told).encode(), *pages]))
        with Peer.to(gemtap.port) as peer:
            peer.send(f"POST {GENERATE} HTTP/1.1\r\nx-goog-api-key: {KEY}\r\n".encode())
            os.kill(gemtap.children()["tap"], signal.SIGABRT)
            peer.take_rest()
        eventually(lambda: gemtap.children().get("tap"))
    finally:
        gemtap.close()
    assert files_with(SECRET, tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--store", f"mongodb://gemtap:{KEY}@"),
        ("serve", "--store", f"postgres://gemtap:{KEY}@host/gemtap"),
        ("doctor", "--store", f"mongodb://gemtap:{KEY}@127.0.0.1:1/gemtap?serverSelectionTimeoutMS=200"),
        ("ls", "--store", f"mongodb://gemtap:{KEY}@127.0.0.1:1/gemtap?serverSelectionTimeoutMS=200"),
        ("ls", "--store", f"mongodb://127.0.0.1:1/gemtap?tlsCertificateKeyFilePassword={KEY}"),
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_not_in_what_commands_say_of_a_wrong_store(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Errors about a store URL do not print its password."""
    command = [sys.executable, "-m", "gemtap", *arguments]
    ended = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=200, check=False)
    assert ended.returncode != 0
    assert ended.stdout + ended.stderr
    assert not SECRET.search(ended.stdout + ended.stderr)


BODY_SECRET = re.compile(rb"swordfish[- ]\d+", re.IGNORECASE)


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_what_redact_patterns_name_is_nowhere(
    kind: str, upstream: ScriptedUpstream, tmp_path: Path, mongod: Mongod
) -> None:
    """Matches are removed from requests and from streams that split them, and from captures once they are recorded."""
    database = f"redacted_{ObjectId()}"
    flags = ("--store", f"{mongod.url}/{database}") if kind == "mongodb" else ()
    gemtap = RunningGemtap(tmp_path, upstream.origin, *flags, GEMTAP_REDACT_PATTERNS=r"swordfish-\d+")
    parts = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("It is swordf", "ish-42.")]
    answer = b"".join(b"data: " + json.dumps(part).encode() + b"\r\n\r\n" for part in parts)
    try:
        with Peer.to(gemtap.port) as client:
            client.send(request("/v1beta/models/m:streamGenerateContent?alt=sse", body=b'{"contents":"swordfish-42"}'))
            with upstream.accept() as peer:
                peer.take_request()
                peer.send(response("Content-Type: text/event-stream", "Connection: close", body=answer))
                assert client.take_response()[1] == answer
        (item,) = gemtap.newest(1)
        document = gemtap.interaction(item["id"])
        assert document["request"]["body"] == {"contents": "[redacted]"}
        assert "It is [redacted]." in json.dumps(document["response"]["body"])
    finally:
        gemtap.close()
    assert files_with(BODY_SECRET, tmp_path) == []
    values = [*sqlite_values(tmp_path), *mongodb_values(mongod, database)]
    assert any(b"[redacted]" in value for value in values)
    assert not any(BODY_SECRET.search(value) for value in values)
    assert not any(b"swordf" in value for value in values)


MCP_SECRET = "6123456789abcdef-canary-mcp"
HANDED_OUT = "auth_tokens/6123456789abcdef-canary-token"


def hand_over(gemtap: RunningGemtap, upstream: ScriptedUpstream) -> None:
    """Credentials in bodies, in requests and in answers, alone, repeated, torn and compressed."""
    interaction = {
        "model": "m",
        "tools": [{"type": "mcp_server", "headers": {"Authorization": f"Bearer {MCP_SECRET}"}}],
    }
    echo = json.dumps({"status": "completed", **interaction, "note": MCP_SECRET}).encode()
    event = b"data: " + echo + b"\n\n"
    page = b'<A HREF="https://example.test/?key=' + KEY.encode() + b'">here</A>'
    sse = "Content-Type: text/event-stream"
    for path, sent, answer in (
        ("/v1beta/interactions", interaction, response(body=echo)),
        ("/v1beta/interactions", interaction, response("Content-Encoding: gzip", body=gzip.compress(echo))),
        ("/v1beta/interactions?alt=sse", {**interaction, "stream": True}, response(sse, body=event * 3)),
        ("/v1alpha/auth_tokens", {}, response(body=json.dumps({"name": HANDED_OUT}).encode())),
        ("/v1beta/credentials", {"type": "http_bearer", "token": MCP_SECRET}, response(body=b'{"id":"c"}')),
        ("/v1beta/webhooks", {}, response(body=json.dumps({"new_signing_secret": MCP_SECRET}).encode())),
        (f"/v1beta/interactions/i/auth_tokens/{MCP_SECRET}", {}, response(body=b"{}")),
        (GENERATE, {}, response("Content-Type: text/html", status="302 Found", body=page)),
        (GENERATE, {}, b"HTTP/1.1 302 Found\r\nLocation : https://example.test/?key=" + KEY.encode() + b"\r\n\r\n"),
    ):
        with Peer.to(gemtap.port) as client:
            client.send(request(path, f"x-goog-api-key: {KEY}", "Connection: close", body=json.dumps(sent).encode()))
            with upstream.accept() as peer:
                assert peer.take_request()[1] == json.dumps(sent).encode()
                peer.send(answer)
                client.take_response()


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_credentials_in_bodies_are_nowhere(
    kind: str, upstream: ScriptedUpstream, tmp_path: Path, mongod: Mongod
) -> None:
    """Neither in files, values of the database and the index of words, nor in the API and in exports."""
    database = f"bodies_{ObjectId()}"
    flags = ("--store", f"{mongod.url}/{database}") if kind == "mongodb" else ()
    gemtap = RunningGemtap(tmp_path, upstream.origin, *flags)
    try:
        hand_over(gemtap, upstream)
        items = gemtap.newest(9)
        shown = [json.dumps(items).encode()]
        for item in items:
            document = gemtap.interaction(item["id"])
            assert (
                document["request"].get("body_redacted")
                or (document["response"] or {}).get("body_redacted")
                or ("auth_tokens/" in document["request"]["path"] or document["outcome"] != "complete")
            )
            shown += [json.dumps(document).encode(), gemtap.bytes_of(item["id"], "request")]
            shown.append(gemtap.get(f"/interactions/{item['id']}")[1])
        for form in ("jsonl", "har"):
            command = [sys.executable, "-m", "gemtap", "export", form, *gemtap.reading]
            shown.append(subprocess.run(command, capture_output=True, timeout=200, check=True).stdout)
        assert len(shown[-1]) > 1000
        assert not any(SECRET.search(each) for each in shown)
    finally:
        gemtap.close()
    assert files_with(SECRET, tmp_path) == []
    values = [*sqlite_values(tmp_path), *mongodb_values(mongod, database)]
    assert any(b"[redacted:" in value for value in values)
    assert not any(SECRET.search(value) for value in values)


def test_a_password_on_the_command_line_is_not_in_the_list_of_processes(tmp_path: Path) -> None:
    """The address of a store with a password moves to the environment, which other users cannot read."""
    store = f"mongodb://gemtap:{KEY}@127.0.0.1:{free_port()}/gemtap?serverSelectionTimeoutMS=200"
    gemtap = RunningGemtap(tmp_path, f"http://127.0.0.1:{free_port()}", "--store", store)
    try:
        for pid in (gemtap.process.pid, *gemtap.children().values()):
            assert not SECRET.search(Path(f"/proc/{pid}/cmdline").read_bytes())
        assert b"GEMTAP_STORE" in gemtap.log.read_bytes()
    finally:
        gemtap.close()
    assert files_with(SECRET, tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("copy", "--to", f"mongodb://gemtap:{KEY}@127.0.0.1:PORT/other"),
        ("replay", "0" * 24, f"--upstream=http://gemtap:{KEY}@127.0.0.1"),
        ("tail",),
        ("ls",),
    ],
)
def test_no_command_leaves_a_password_in_the_list_of_processes(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """While a command waits for a database that does not answer, its command line shows `***`, and so do its errors."""
    with closing(ScriptedUpstream()) as silent:
        address = f"mongodb://gemtap:{KEY}@127.0.0.1:{silent.port}/gemtap"
        arguments = tuple(each.replace("PORT", str(silent.port)) for each in arguments)
        command = [sys.executable, "-m", "gemtap", *arguments, "--store", address]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                silent.accept()  # the store is being opened: the process is the second one
                shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            finally:
                process.kill()
                said = process.communicate()[0]
    assert shown.count(b"gemtap:***@127.0.0.1") == 1 + len([each for each in arguments if "@" in each])
    assert not SECRET.search(shown)
    assert b"the shell's history" in said
    assert not SECRET.search(said)
