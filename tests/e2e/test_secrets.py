"""The API key is nowhere: no file, no document, no log line, and in nothing that is compressed either."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from bson import ObjectId
from google import genai
from google.genai import errors, types
from pymongo import MongoClient

from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi
from tests.mongod import Mongod
from tests.wire.peers import Peer, ScriptedUpstream, request, response

KEY = "AIzaSyCanary-0123456789_abcdefghijklmnop"
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"

SECRET = re.compile(rb"Canary-0123456789|6123456789abcdef-canary")
OTHER_KEY = "ya29.6123456789abcdef-canary"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def use_keys(gemtap: RunningGemtap, api: SimulatedApi, upstream: ScriptedUpstream | None) -> None:
    """Everything that may carry a key, with the SDK and by hand."""
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
    ):
        with Peer.to(gemtap.port) as peer:
            peer.send(request(target, header))
            peer.take_response()


def echo_key(gemtap: RunningGemtap, upstream: ScriptedUpstream) -> None:
    """Errors that repeat the key, as they are and compressed."""
    text = b'{"error":{"code":400,"message":"API key not valid: ' + KEY.encode() + b'","status":"INVALID_ARGUMENT"}}'
    for headers, body in (([], text), (["Content-Encoding: gzip"], gzip.compress(text))):
        with Peer.to(gemtap.port) as client:
            client.send(request(f"{GENERATE}?key={KEY}"))
            with upstream.accept() as peer:
                peer.take_request()
                peer.send(response("Connection: close", *headers, status="400 Bad Request", body=body))
                assert client.take_response()[1] == body


def recorded(gemtap: RunningGemtap, count: int) -> None:
    gemtap.newest(count)


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_the_key_is_nowhere(
    kind: str, api: SimulatedApi, upstream: ScriptedUpstream, tmp_path: Path, mongod: Mongod
) -> None:
    database = f"secrets_{ObjectId()}"
    flags = ("--store", f"{mongod.url}/{database}") if kind == "mongodb" else ()
    for folder, origin, count in ((tmp_path / "a", api.origin, 8), (tmp_path / "b", upstream.origin, 10)):
        folder.mkdir()
        gemtap = RunningGemtap(folder, origin, "--log-level", "debug", *flags)
        try:
            if origin == api.origin:
                use_keys(gemtap, api, upstream)
                gemtap.newest(count)
            else:
                echo_key(gemtap, upstream)
                gemtap.newest(2 if kind == "sqlite" else count)
        finally:
            gemtap.close()

    leaks = [str(path) for path in tmp_path.rglob("*") if path.is_file() and SECRET.search(path.read_bytes())]
    assert leaks == []
    seen = 0
    for value in [*sqlite_values(tmp_path), *mongodb_values(mongod, database)]:
        seen += b"[redacted:" in value
        assert not SECRET.search(value)
    assert seen >= 8


def sqlite_values(folder: Path) -> Iterator[bytes]:
    """Every value of every table, decompressed where it is compressed."""
    for path in folder.rglob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield from (as_bytes(value) for value in row)


def mongodb_values(mongod: Mongod, database: str) -> Iterator[bytes]:
    with MongoClient[dict[str, object]](mongod.url) as client:
        for name in client[database].list_collection_names():
            for document in client[database][name].find():
                yield from leaves(document)


def leaves(value: object) -> Iterator[bytes]:
    match value:
        case dict():
            for name, item in value.items():
                yield name.encode()
                yield from leaves(item)
        case list():
            for item in value:
                yield from leaves(item)
        case _:
            yield as_bytes(value)


def as_bytes(value: object) -> bytes:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return raw
