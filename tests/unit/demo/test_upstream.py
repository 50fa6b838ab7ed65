"""The simulated API on a real socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import resource
import signal
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gemtap.demo.upstream import SimulatedUpstream
from tests.unit.providers.google.simulated.asking import CONTENTS, MODEL

pytestmark = pytest.mark.anyio

KEY = {"x-goog-api-key": "any"}
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP = {"setup": {"model": "models/gemini-2.5-flash-live", "generationConfig": {"responseModalities": ["TEXT"]}}}
MIB = 1024 * 1024


@pytest.fixture
async def upstream() -> AsyncIterator[SimulatedUpstream]:
    async with SimulatedUpstream(compress=True) as upstream:
        yield upstream


@pytest.fixture
async def session(upstream: SimulatedUpstream) -> AsyncIterator[aiohttp.ClientSession]:
    identity = {"accept-encoding": "identity"}
    async with aiohttp.ClientSession(upstream.origin, auto_decompress=False, headers=identity) as session:
        yield session


async def test_gzip_is_flushed_with_every_chunk(session: aiohttp.ClientSession) -> None:
    """Each chunk of a compressed stream can be decoded at once."""
    headers = {**KEY, "accept-encoding": "gzip"}
    async with session.post(STREAM, json={"contents": CONTENTS}, headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        inflate = zlib.decompressobj(wbits=31)
        chunks = [inflate.decompress(chunk) async for chunk, _ in answer.content.iter_chunks()]
    assert all(chunk.endswith(b"\r\n\r\n") for chunk in chunks if chunk)
    assert inflate.eof


async def test_who_does_not_accept_gzip_gets_none(session: aiohttp.ClientSession) -> None:
    """Without `Accept-Encoding: gzip`, responses are not compressed."""
    for accepted in ("identity", "gzip;q=0, br"):
        headers = {**KEY, "accept-encoding": accepted}
        async with session.post(STREAM, json={"contents": CONTENTS}, headers=headers) as answer:
            assert "content-encoding" not in answer.headers
            assert (await answer.read()).startswith(b"data: {")


async def test_what_was_received_is_remembered(upstream: SimulatedUpstream, session: aiohttp.ClientSession) -> None:
    """The simulated API keeps the requests it received."""
    async with session.post("/v1beta//x%2Fy?a=%20", data=b"body", headers=KEY) as answer:
        assert answer.status == 404
    received = upstream.requests[-1]
    assert (received.method, received.target, received.body) == ("POST", "/v1beta//x%2Fy?a=%20", b"body")
    assert received.sha256 == hashlib.sha256(b"body").hexdigest()
    assert not received.aborted


async def test_a_client_that_leaves_is_noticed(upstream: SimulatedUpstream, session: aiohttp.ClientSession) -> None:
    """The simulated API notices that a client has left."""
    target = "/v1beta/models/fault-stall:streamGenerateContent?alt=sse"
    async with session.post(target, json={"contents": CONTENTS}, headers=KEY) as answer:
        await answer.content.readany()
        answer.close()
    received = upstream.requests[-1]
    await asyncio.wait_for(received.ended.wait(), 10)
    assert received.aborted


@pytest.mark.parametrize("model", ["fault-disconnect", "fault-disconnect-early", "fault-truncated-length"])
async def test_a_dropped_connection_is_an_error_for_the_client(session: aiohttp.ClientSession, model: str) -> None:
    """A dropped connection is an error for the client."""
    target = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
    with pytest.raises(aiohttp.ClientError):
        async with session.post(target, json={"contents": CONTENTS}, headers=KEY) as answer:
            await answer.read()


async def test_a_live_session(session: aiohttp.ClientSession) -> None:
    """A live session answers in turns."""
    async with session.ws_connect(f"{LIVE}?key=any") as socket:
        await socket.send_json(SETUP)
        assert json.loads(await socket.receive_bytes()) == {"setupComplete": {}}
        await socket.send_json({"clientContent": {"turns": CONTENTS, "turnComplete": True}})
        while not (message := json.loads(await socket.receive_bytes()))["serverContent"].get("turnComplete"):
            assert message["serverContent"]
        assert message["usageMetadata"]["responseTokenCount"] > 0


@pytest.mark.parametrize(("model", "code"), [("gpt-4o", 1008), ("fault-disconnect", 1006)])
async def test_a_live_session_that_ends_badly(session: aiohttp.ClientSession, model: str, code: int) -> None:
    """A live session may end with an error code."""
    async with session.ws_connect(f"{LIVE}?access_token=any") as socket:
        await socket.send_json({"setup": {**SETUP["setup"], "model": f"models/{model}"}})
        await socket.send_json({"clientContent": {"turns": CONTENTS, "turnComplete": True}})
        async for _ in socket:
            pass
        assert socket.close_code == code


async def test_a_live_session_needs_a_key(session: aiohttp.ClientSession) -> None:
    """A live session without a key is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await session.ws_connect(LIVE)
    async with session.ws_connect(f"{LIVE}?key=invalid") as socket:
        closing = await socket.receive()
        assert (closing.data, socket.close_code) == (1007, 1007)


async def begin_upload(session: aiohttp.ClientSession, size: int) -> str:
    headers = {
        **KEY,
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": str(size),
    }
    async with session.post("/upload/v1beta/files", json={}, headers=headers) as answer:
        return answer.headers["x-goog-upload-url"]


async def test_memory_does_not_grow_with_an_upload(upstream: SimulatedUpstream, session: aiohttp.ClientSession) -> None:
    """Memory does not grow with the size of an upload."""
    pieces, digest = 256, hashlib.sha256()

    async def content() -> AsyncIterator[bytes]:
        for number in range(pieces):
            piece = bytes([number]) * MIB
            digest.update(piece)
            yield piece

    url = await begin_upload(session, pieces * MIB)
    assert url.startswith(f"{upstream.origin}/upload/v1beta/files?")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    async with session.post(url, data=content(), headers=headers) as answer:
        file = (await answer.json())["file"]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < pieces * MIB / 4
    assert base64.b64decode(file["sha256Hash"]).decode() == digest.hexdigest()


async def test_an_upload_goes_on_where_it_broke_off(
    upstream: SimulatedUpstream, session: aiohttp.ClientSession
) -> None:
    """An interrupted upload continues at its offset."""
    size = 3 * MIB
    url = await begin_upload(session, size)

    async def breaking_off() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        while upstream.requests[-1].body_bytes < MIB:
            await asyncio.sleep(0.01)
        raise OSError("the network is gone")

    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0", "content-length": str(size)}
    with pytest.raises((aiohttp.ClientError, OSError)):
        await session.post(url, data=breaking_off(), headers=headers)
    await asyncio.wait_for(upstream.requests[-1].ended.wait(), 10)
    assert upstream.requests[-1].aborted
    async with session.post(url, headers={"x-goog-upload-command": "query"}) as answer:
        assert answer.headers["x-goog-upload-size-received"] == str(MIB)
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": str(MIB)}
    async with session.post(url, data=io.BytesIO(bytes(2 * MIB)), headers=headers) as answer:
        assert (await answer.json())["file"]["sizeBytes"] == str(size)


def test_it_serves_as_a_process_until_it_is_told_to_end() -> None:
    """The simulated API runs as a process until a signal."""
    command = [sys.executable, "-m", "gemtap.demo.upstream", "--pace", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        origin = process.stdout.readline().removeprefix("listening on ").strip()
        with urllib.request.urlopen(f"{origin}/v1beta/models?key=any", timeout=10) as answer:
            models: Any = json.load(answer)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert models["models"]
