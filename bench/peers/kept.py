"""What a proxy has kept of two exchanges: looked up in its files, not taken from its description."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import sqlite3
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import zstandard

from bench.contender import Contender
from bench.gemtap import Gemtap
from bench.peers.field import Peer
from bench.traffic import CHUNKS, GENERATE, HEADERS, STAMP_PATTERN, STREAM, request_body

_KEY: Final = HEADERS["x-goog-api-key"].encode()
_PATIENCE: Final = 5.0
"""Seconds that a proxy has to write down an exchange that has ended."""

_UNPACK: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"\x28\xb5\x2f\xfd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    b"\x1f\x8b": gzip.decompress,
    b"\x78": zlib.decompress,
}
"""By the first bytes of what is compressed."""

_BODY_SIZE: Final = 10**8


@dataclass(frozen=True)
class Kept:
    """How much was found of each: `exact bytes`, `content` (every text of it), `part` or `no`."""

    request: str
    response: str
    stream: str
    key_in_clear: bool


NOTHING: Final = Kept("no", "no", "no", key_in_clear=False)


def kept_by(contender: Contender) -> Kept:
    """Send a request and a stream with texts of their own through the proxy, and look for them in what it keeps."""
    mark = uuid.uuid4().hex.encode()
    request = request_body().replace(b"the", b"the " + mark, 1)
    response = _post(contender, GENERATE, request)
    stream = _post(contender, STREAM, request)
    contender.settle()
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = _everything(contender)
        kept = Kept(
            _found(request, _texts(json.loads(request)), found),
            _found(response, _texts(json.loads(response)), found),
            _found_stream(stream, found),
            key_in_clear=any(_KEY in each for each in found),
        )
        if kept.stream != "no" or time.monotonic() > deadline:
            return kept
        time.sleep(0.2)


def _post(contender: Contender, target: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=30)
    connection.request("POST", contender.prefix + target, body, HEADERS)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{contender.name} answered with {answer.status}: {content[:500]!r}")
    return content


def _texts(body: Any) -> list[bytes]:
    """All texts and ids of the conversation in a body."""
    if isinstance(body, dict):
        here = [body[name].encode() for name in ("text", "responseId") if isinstance(body.get(name), str)]
        return here + [text for value in body.values() for text in _texts(value)]
    return [text for value in body for text in _texts(value)] if isinstance(body, list) else []


def _found(body: bytes, texts: list[bytes], found: list[bytes]) -> str:
    escaped = json.dumps(body.decode())[1:-1].encode()
    if any(body in each or escaped in each for each in found):
        return "exact bytes"
    hits = sum(any(text in each for each in found) for text in texts)
    return "content" if hits == len(texts) else "part" if hits else "no"


def _found_stream(stream: bytes, found: list[bytes]) -> str:
    """Chunks differ by their time stamps alone, in `responseId`."""
    stamps = re.findall(STAMP_PATTERN, stream)
    assert len(stamps) == CHUNKS
    escaped = json.dumps(stream.decode())[1:-1].encode()
    if any(stream in each or escaped in each for each in found):
        return "exact bytes"
    hits = sum(any(stamp in each for each in found) for stamp in stamps)
    return "content" if hits == CHUNKS else "part" if hits else "no"


def _everything(contender: Contender) -> list[bytes]:
    """All that the proxy keeps, decompressed."""
    if isinstance(contender, Gemtap):
        # Its bodies are compressed with dictionaries; its API gives them back, and its files are searched for the key.
        return [*_gemtap_bodies(contender), *_files(contender.data_dir)]
    if isinstance(contender, Peer) and contender.keeps_in is not None:
        return list(_files(contender.keeps_in))
    return []


def _gemtap_bodies(gemtap: Gemtap) -> Iterator[bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gemtap.dashboard_port, timeout=30)

    def get(path: str) -> bytes:
        connection.request("GET", path)
        return connection.getresponse().read()

    for item in json.loads(get("/api/interactions?limit=2"))["items"]:
        yield get(f"/api/interactions/{item['id']}/request")
        yield get(f"/api/interactions/{item['id']}/response")
    connection.close()


def _files(folder: Path) -> Iterator[bytes]:
    """The newest files; of databases, every value too."""
    newest = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    for path in newest[-20:]:
        if path.stat().st_size < _BODY_SIZE:
            content = path.read_bytes()
            yield content
        else:
            with path.open("rb") as file:
                file.seek(-_BODY_SIZE, 2)
                content = file.read()
            yield content
        with path.open("rb") as file:
            is_database = file.read(15) == b"SQLite format 3"
        if is_database:
            yield from _values(path)


def _values(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            try:
                rows = database.execute(f'SELECT * FROM "{table}" ORDER BY rowid DESC LIMIT 500').fetchall()
            except sqlite3.Error:
                continue  # a table without row ids, or of an extension that this library lacks
            for row in rows:
                for value in row:
                    if isinstance(value, str | bytes):
                        yield _unpacked(value.encode() if isinstance(value, str) else value)


def _unpacked(value: bytes) -> bytes:
    for magic, unpack in _UNPACK.items():
        if value.startswith(magic):
            try:
                return unpack(value)
            except (zstandard.ZstdError, OSError, EOFError, zlib.error):
                return value
    return value
