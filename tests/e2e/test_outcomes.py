"""A document of each outcome, read with plain PyMongo by a program that knows nothing of Gemtap's code."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.captures import make_capture
from tests.e2e.running_gemtap import RunningGemtap, SimulatedApi, eventually
from tests.mongod import Mongod
from tests.wire.peers import Head, Peer, request

Documents = Collection[dict[str, Any]]

GENERATE = "/v1beta/models/{}:generateContent"
STREAM = "/v1beta/models/{}:streamGenerateContent?alt=sse"

OURS = {
    *("schema_version", "provider", "operation", "model", "model_version", "streaming", "outcome", "timing", "tokens"),
    *("cost", "finish_reason", "client", "thread", "preview", "tags", "rating", "note", "recorded_at"),
}
SPECIFIED = {
    *("_id", "timestamp", "request", "response", "request_duration_ms", "generation_settings", "usage_metadata"),
    "error",
}


@pytest.fixture(scope="module")
def documents(mongod: Mongod) -> Iterator[Documents]:
    with MongoClient[dict[str, Any]](mongod.url, tz_aware=True) as client:
        yield client[f"outcomes_{ObjectId()}"]["gemini_interactions"]


def address(mongod: Mongod, documents: Documents) -> str:
    return f"{mongod.url}/{documents.database.name}"


@pytest.fixture(scope="module")
def gemtap(
    api: SimulatedApi, mongod: Mongod, documents: Documents, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGemtap]:
    gemtap = RunningGemtap(
        tmp_path_factory.mktemp("outcomes"),
        api.origin,
        *("--store", address(mongod, documents)),
        GEMTAP_UPSTREAM_SILENCE_TIMEOUT="3",
        GEMTAP_SHUTDOWN_GRACE="0.3",
    )
    yield gemtap
    gemtap.close()


def ask(gemtap: RunningGemtap, target: str) -> Peer:
    client = Peer.to(gemtap.port)
    body = b'{"contents":[{"role":"user","parts":[{"text":"Why?"}]}],"generationConfig":{"temperature":0.5}}'
    client.send(request(target, "x-goog-api-key: anything", "Content-Type: application/json", body=body))
    return client


def stored(documents: Documents, head: Head) -> dict[str, Any]:
    """Wait for the document, and check the specification's fields and their types."""
    id_ = head.value(b"x-gemtap-id")
    assert id_ is not None
    document = eventually(lambda: documents.find_one({"_id": ObjectId(id_.decode())}))
    check_types(document)
    return document


def check_types(document: dict[str, Any]) -> None:
    assert document.keys() >= SPECIFIED | OURS
    assert isinstance(document["_id"], ObjectId)
    assert isinstance(document["timestamp"], datetime)
    assert abs(datetime.now(UTC) - document["timestamp"]) < timedelta(minutes=10)
    request = document["request"]
    assert request.keys() >= {"method", "path", "headers", "body", "query", "http_version", "body_bytes"}
    assert isinstance(request["headers"], dict)
    assert isinstance(request["body"], dict)
    assert isinstance(request["body_bytes"], int | Int64)
    response = document["response"]
    if response is not None:
        assert response.keys() >= {"status", "headers", "body", "body_bytes"}
        assert type(response["status"]) is int
    assert document["request_duration_ms"] is None or type(document["request_duration_ms"]) is float
    assert document["generation_settings"] == {"temperature": 0.5}
    if document["error"] is not None:
        assert document["error"].keys() == {"message", "details"}
        assert isinstance(document["error"]["message"], str)


def test_complete(gemtap: RunningGemtap, documents: Documents) -> None:
    """A complete exchange is stored with its JSON body, size and usage."""
    with ask(gemtap, GENERATE.format("gemini-2.5-flash")) as client:
        head, body = client.take_response()
    document = stored(documents, head)
    assert document["outcome"] == "complete"
    assert document["error"] is None
    assert document["response"]["status"] == 200
    assert isinstance(document["response"]["body"], dict)
    assert document["response"]["body_bytes"] == len(body)
    assert document["usage_metadata"] == document["response"]["body"]["usageMetadata"]
    assert documents.count_documents({"response.body.candidates.content.parts.text": {"$regex": "."}}) == 1


def test_complete_with_an_error_of_the_api(gemtap: RunningGemtap, documents: Documents) -> None:
    """An error response of the API is complete, and `error` has its message and status."""
    with ask(gemtap, GENERATE.format("error-429")) as client:
        head, _ = client.take_response()
    document = stored(documents, head)
    assert document["outcome"] == "complete"
    assert document["response"]["status"] == 429
    assert "quota" in document["error"]["message"]
    assert document["error"]["details"]["status"] == "RESOURCE_EXHAUSTED"


def test_client_disconnected(gemtap: RunningGemtap, documents: Documents) -> None:
    """A client that leaves during a stream gives `client_disconnected` with the partial response."""
    with ask(gemtap, STREAM.format("fault-stall")) as client:
        head = client.take_head()
        client.take_chunk()
    document = stored(documents, head)
    assert document["outcome"] == "client_disconnected"
    assert document["response"]["body"]["candidates"]


def test_upstream_timeout(gemtap: RunningGemtap, documents: Documents) -> None:
    """A silent upstream gives a 504 and `upstream_timeout`."""
    with ask(gemtap, GENERATE.format("fault-silent")) as client:
        head, body = client.take_response()
    assert head.status == 504
    assert b"DEADLINE_EXCEEDED" in body
    document = stored(documents, head)
    assert document["outcome"] == "upstream_timeout"
    assert document["response"]["status"] == 504
    assert "3 s" in document["error"]["message"]


def test_upstream_disconnected(gemtap: RunningGemtap, documents: Documents) -> None:
    """An upstream that breaks off a stream gives `upstream_disconnected` with the partial response."""
    with ask(gemtap, STREAM.format("fault-disconnect")) as client:
        head = client.take_head()
        client.take_rest()
    document = stored(documents, head)
    assert document["outcome"] == "upstream_disconnected"
    assert document["response"]["status"] == 200
    assert document["response"]["body"]["candidates"]


def test_refused(gemtap: RunningGemtap, documents: Documents) -> None:
    """A path of no provider gives a 404 and `refused`, with the request's body."""
    with ask(gemtap, "/v9/nothing") as client:
        head, body = client.take_response()
    assert head.status == 404
    assert b"/v1beta" in body
    id_ = head.value(b"x-gemtap-id")
    assert id_ is not None
    document = eventually(lambda: documents.find_one({"_id": ObjectId(id_.decode())}))
    assert document["outcome"] == "refused"
    assert document["provider"] == "unknown"
    assert document["request"]["body"]["contents"]
    assert document["request_duration_ms"] is None


def test_upstream_unreachable(mongod: Mongod, documents: Documents, tmp_path: Path) -> None:
    """An upstream that is down gives a 502 and `upstream_unreachable`, which names its address."""
    stopped = SimulatedApi()
    stopped.stop()
    gemtap = RunningGemtap(tmp_path, stopped.origin, "--store", address(mongod, documents))
    try:
        with ask(gemtap, GENERATE.format("gemini-2.5-flash")) as client:
            head, body = client.take_response()
        assert head.status == 502
        assert b"UNAVAILABLE" in body
        document = stored(documents, head)
    finally:
        gemtap.close()
    assert document["outcome"] == "upstream_unreachable"
    assert stopped.origin.removeprefix("http://") in document["error"]["message"]


def test_proxy_error(gemtap: RunningGemtap, documents: Documents) -> None:
    """Internal errors cannot be provoked from outside, so the test writes the capture as the tap would."""
    id_ = ObjectId()
    capture = make_capture(outcome="proxy_error", details="KeyError('x')", status=None, response=[])
    draft = gemtap.data_dir / "spool" / "draft"
    draft.write_bytes(capture)
    draft.rename(gemtap.data_dir / "spool" / "ready" / f"{id_}.capture")
    document = eventually(lambda: documents.find_one({"_id": id_}))
    assert document["outcome"] == "proxy_error"
    assert document["error"]["message"] == "KeyError('x')"


def test_interrupted(gemtap: RunningGemtap, documents: Documents) -> None:
    """If the tap is killed during a stream, the next one hands over its capture."""
    with ask(gemtap, STREAM.format("fault-stall")) as client:
        head = client.take_head()
        client.take_chunk()
        os.kill(gemtap.children()["tap"], signal.SIGKILL)
        client.take_rest()
    document = stored(documents, head)
    assert document["outcome"] == "interrupted"
    assert document["response"]["body"]["candidates"]


def test_shutdown(gemtap: RunningGemtap, documents: Documents) -> None:
    """A stream that Gemtap's shutdown ends has the outcome `shutdown`."""
    with ask(gemtap, STREAM.format("fault-stall")) as client:
        head = client.take_head()
        client.take_chunk()
        assert gemtap.stop() == 0
        client.take_rest()
    document = stored(documents, head)
    assert document["outcome"] == "shutdown"
