"""Recorded responses of the real API, sent in random pieces, reach the client and the store completely."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running_gemtap import RunningGemtap
from tests.wire.peers import Peer, ScriptedUpstream, chunk, request

FOLDER = os.environ.get("GEMTAP_TEST_RECORDINGS")

pytestmark = pytest.mark.skipif(FOLDER is None, reason="GEMTAP_TEST_RECORDINGS names no folder of recordings")

Recording = tuple[str, str, bytes, bytes, str]
"""Name, request target, request body, response body, response content-type."""

PIECES = 7


def recordings() -> Iterator[Any]:
    if FOLDER is None:
        return
    for number, each in enumerate(json.loads((Path(FOLDER) / "gemini-http.json").read_text())):
        target = each["path"] + (f"?{each['query']}" if each["query"] else "")
        body = each["response_body"].encode()
        content_type = "text/event-stream" if body.startswith((b"data:", b"event:")) else "application/json"
        yield pytest.param(target, each["request_body"].encode(), body, content_type, id=f"{number}-{each['name']}")
    for session in json.loads((Path(FOLDER) / "gemini-cli-streams.json").read_text()):
        for number, call in enumerate(session["calls"]):
            if call["method"] == "generateContentStream":
                # The framing that the API used for this response.
                body = b"".join(
                    b"data: " + json.dumps(each, ensure_ascii=False).encode() + b"\r\n\r\n" for each in call["response"]
                )
                target = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
                name = f"cli-{session['name']}-{number}"
                yield pytest.param(target, b'{"contents":[]}', body, "text/event-stream", id=name)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gemtap(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    vertex = f"vertex={upstream.origin}"
    gemtap = RunningGemtap(tmp_path_factory.mktemp("recordings"), upstream.origin, "--upstream", vertex)
    yield gemtap
    gemtap.close()


@pytest.mark.parametrize(("target", "sent", "answer", "content_type"), list(recordings()))
def test_nothing_of_a_recording_is_lost(
    gemtap: RunningGemtap, upstream: ScriptedUpstream, target: str, sent: bytes, answer: bytes, content_type: str
) -> None:
    """The stored bytes equal those sent, and the body has the content of all chunks."""
    headers = [f"Content-Type: {content_type}", "X-Goog-Trace: a", "X-Goog-Trace: b", "Server: scaffolding"]
    id_ = served_in_pieces(gemtap, upstream, target, sent, answer, headers)

    document = gemtap.interaction(id_)
    assert gemtap.bytes_of(id_, "request") == sent
    assert gemtap.bytes_of(id_, "response") == answer
    assert document["outcome"] == "complete"
    if "tream" not in content_type:
        assert document["response"]["body"] == json.loads(answer)
    elif "streamGenerateContent" in target:
        frames = [json.loads(line[5:]) for line in answer.splitlines() if line.startswith(b"data:")]
        assert told_by([document["response"]["body"]]) == told_by(frames)


def served_in_pieces(
    gemtap: RunningGemtap, upstream: ScriptedUpstream, target: str, sent: bytes, answer: bytes, headers: list[str]
) -> str:
    """Run the exchange with its response split at random. Checks what the client received, and returns the id."""
    cuts = random.Random(target + str(len(answer)))
    places = sorted({0, len(answer), *(cuts.randrange(len(answer)) for _ in range(PIECES))})
    with Peer.to(gemtap.port) as client:
        client.send(request(target, "Content-Type: application/json", body=sent))
        with upstream.accept() as peer:
            head, body = peer.take_request()
            assert (head.target, body) == (target, sent)
            lines = ["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked", "Connection: close", "", ""]
            peer.send("\r\n".join(lines).encode())
            got_head = client.take_head()
            got = b""
            for start, end in itertools.pairwise(places):
                peer.send(chunk(answer[start:end]))
                while len(got) < end:  # wait until the client has received the piece
                    got += client.take_chunk()
            peer.send(chunk(b""))
            assert client.take_chunk() == b""
    assert got == answer
    assert got_head.status == 200
    expected = [(line.split(": ")[0].lower().encode(), line.split(": ")[1].encode()) for line in headers]
    assert [header for header in got_head.headers if header[0] in dict(expected)] == expected
    id_ = got_head.value(b"x-gemtap-id")
    assert id_ is not None
    return id_.decode()


def told_by(chunks: list[Any]) -> dict[str, Any]:
    """The content of a response that an agent uses, by concatenation only, whether it has one chunk or many."""
    candidates = [each for chunk in chunks for each in chunk.get("candidates", [])]
    parts = [part for each in candidates for part in each.get("content", {}).get("parts", [])]
    return {
        "text": "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        "thoughts": "".join(part["text"] for part in parts if "text" in part and part.get("thought")),
        "calls": [part["functionCall"] for part in parts if "functionCall" in part],
        "signatures": [part["thoughtSignature"] for part in parts if "thoughtSignature" in part],
        "others": [part for part in parts if not part.keys() & {"text", "functionCall"}],
        "finish": [each["finishReason"] for each in candidates if "finishReason" in each],
        "usage": [chunk["usageMetadata"] for chunk in chunks if "usageMetadata" in chunk][-1:],
        "model": {chunk["modelVersion"] for chunk in chunks if "modelVersion" in chunk},
    }
