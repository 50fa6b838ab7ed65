"""Every endpoint of the API: bytes pass unchanged in both directions, and the document describes the call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.running_gemtap import RunningGemtap
from tests.wire.peers import Peer, ScriptedUpstream, chunk, request, response

USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 12}
TOKENS = {"input": 7, "cached": None, "cache_write": None, "output": 3, "reasoning": 2, "tool_use": None, "total": 12}
OPENAI_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
OPENAI_TOKENS = {
    "input": 7,
    "cached": None,
    "cache_write": None,
    "output": 3,
    "reasoning": None,
    "tool_use": None,
    "total": 10,
}

ASKED = {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}], "generationConfig": {"temperature": 0.5}}
PROJECT = "projects/p/locations/us-central1"
VERTEX = f"/v1beta1/{PROJECT}/publishers/google/models/gemini-2.5-pro"


def said(text: str, **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if fields:
        candidate["finishReason"] = "STOP"
    return {"candidates": [candidate], **fields, "modelVersion": "gemini-2.5-pro", "responseId": "r"}


def as_json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


def as_frames(*values: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values)


def as_array(*values: Any) -> bytes:
    return b"[" + b"\r\n,".join(as_json(value) for value in values) + b"]"


def as_events(*values: dict[str, Any]) -> bytes:
    named = (f"event: {value['event_type']}\ndata: {json.dumps(value)}\n\n" for value in values)
    return "".join([*named, "event: done\ndata: [DONE]\n\n"]).encode()


WHOLE = said("Hello.", usageMetadata=USAGE)
PARTS = (said("Hel"), said("lo.", usageMetadata=USAGE))


@dataclass(frozen=True)
class Row:
    """One call, and the expected content of its document."""

    method: str
    target: str
    operation: str
    sent: bytes = b""
    answer: bytes = b"{}"
    content_type: str = "application/json"
    provider: str = "gemini"
    model: str | None = None
    tokens: dict[str, int | None] | None = None
    says: str | None = None
    """The text of the accumulated response."""
    arrives_at: str = ""
    """The target that the upstream receives, if it differs."""
    sent_type: str = ""
    """The Content-Type of the request, if it is not JSON."""
    expects: dict[str, Any] = field(default_factory=dict)
    """Expected fields of the document, by dotted path."""


def generation(target: str, operation: str, answer: bytes, content_type: str = "application/json", **more: Any) -> Row:
    row: dict[str, Any] = {
        "sent": as_json(ASKED),
        "model": "gemini-2.5-pro",
        "tokens": TOKENS,
        "says": "Hello.",
        "expects": {"generation_settings.temperature": 0.5, "model_version": "gemini-2.5-pro", "finish_reason": "STOP"},
    }
    return Row("POST", target, operation, answer=answer, content_type=content_type, **(row | more))


def resource(method: str, target: str, operation: str, **more: Any) -> Row:
    sent = as_json({"displayName": "x"}) if method in {"POST", "PATCH"} else b""
    return Row(method, target, operation, **({"sent": sent, "answer": as_json({"name": "x/y", "n": 1})} | more))


EVENTS = "text/event-stream"
MODEL = "/v1beta/models/gemini-2.5-pro"

GENERATION = [
    generation(f"{MODEL}:generateContent", "generateContent", as_json(WHOLE)),
    generation("/v1/models/gemini-2.5-pro:generateContent", "generateContent", as_json(WHOLE)),
    generation(
        "/models/gemini-2.5-pro:generateContent",
        "generateContent",
        as_json(WHOLE),
        arrives_at=f"{MODEL}:generateContent",
    ),
    generation(
        f"/gemini{MODEL}:generateContent", "generateContent", as_json(WHOLE), arrives_at=f"{MODEL}:generateContent"
    ),
    generation(f"{MODEL}:streamGenerateContent?alt=sse", "streamGenerateContent", as_frames(*PARTS), EVENTS),
    generation(f"{MODEL}:streamGenerateContent", "streamGenerateContent", as_array(*PARTS)),
    generation(
        f"{MODEL}:streamGenerateContent?%24alt=json%3Benum-encoding%3Dint",
        "streamGenerateContent",
        as_array(*PARTS).replace(b'"STOP"', b"1"),
    ),
    generation("/v1beta/tunedModels/mine:generateContent", "generateContent", as_json(WHOLE), model="tunedModels/mine"),
    generation(f"{VERTEX}:generateContent", "generateContent", as_json(WHOLE), provider="vertex"),
    generation(
        f"{VERTEX}:streamGenerateContent?alt=sse",
        "streamGenerateContent",
        as_frames(*PARTS),
        EVENTS,
        provider="vertex",
    ),
    generation(
        "/v1beta1/publishers/google/models/gemini-2.5-pro:generateContent",
        "generateContent",
        as_json(WHOLE),
        provider="vertex",
    ),
    generation(
        "/v1internal:generateContent",
        "generateContent",
        as_json({"response": WHOLE, "traceId": "t", "remainingCredits": []}),
        provider="code_assist",
        sent=as_json({"model": "gemini-2.5-pro", "project": "p", "user_prompt_id": "u", "request": ASKED}),
    ),
    generation(
        "/v1internal:streamGenerateContent?alt=sse",
        "streamGenerateContent",
        as_frames(*({"response": part, "traceId": "t"} for part in PARTS)),
        EVENTS,
        provider="code_assist",
        sent=as_json({"model": "gemini-2.5-pro", "project": "p", "user_prompt_id": "u", "request": ASKED}),
    ),
    generation(
        "/v1beta/openai/chat/completions",
        "openai.chat.completions",
        as_json(
            {
                "object": "chat.completion",
                "model": "gemini-2.5-pro",
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
                ],
                "usage": OPENAI_USAGE,
            }
        ),
        sent=as_json({"model": "gemini-2.5-pro", "messages": [{"role": "user", "content": "Hi."}], "temperature": 0.5}),
        tokens=OPENAI_TOKENS,
        expects={"generation_settings.temperature": 0.5, "finish_reason": "stop"},
    ),
    generation(
        "/v1beta/openai/chat/completions",
        "openai.chat.completions",
        b"".join(
            b"data: "
            + json.dumps({"object": "chat.completion.chunk", "model": "gemini-2.5-pro", **part}).encode()
            + b"\n\n"
            for part in (
                {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
                {
                    "choices": [{"index": 0, "delta": {"content": "lo."}, "finish_reason": "stop"}],
                    "usage": OPENAI_USAGE,
                },
            )
        )
        + b"data: [DONE]\n\n",
        EVENTS,
        sent=as_json({"model": "gemini-2.5-pro", "messages": [{"role": "user", "content": "Hi."}], "stream": True}),
        tokens=OPENAI_TOKENS,
        expects={"finish_reason": "stop"},
    ),
    generation(
        "/v1beta/interactions",
        "interactions.create",
        as_events(
            {"event_type": "interaction.created", "interaction": {"id": "i", "model": "gemini-2.5-pro"}},
            {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hel"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "lo."}},
            {"event_type": "step.stop", "index": 0},
            {
                "event_type": "interaction.completed",
                "interaction": {
                    "id": "i",
                    "status": "completed",
                    "usage": {
                        "total_input_tokens": 7,
                        "total_output_tokens": 3,
                        "total_thought_tokens": 2,
                        "total_tokens": 12,
                    },
                },
            },
        ),
        EVENTS,
        sent=as_json({"model": "gemini-2.5-pro", "input": "Hi.", "stream": True}),
        expects={},
    ),
]

OTHER_CALLS = [
    Row(
        "POST",
        f"{MODEL}:countTokens",
        "countTokens",
        as_json(ASKED),
        as_json({"totalTokens": 7}),
        model="gemini-2.5-pro",
    ),
    Row(
        "POST",
        "/v1beta/models/gemini-embedding-001:embedContent",
        "embedContent",
        as_json({"content": ASKED["contents"]}),
        as_json({"embedding": {"values": [0.1, -2e-7]}}),
        model="gemini-embedding-001",
    ),
    Row(
        "POST",
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        "batchEmbedContents",
        as_json({"requests": []}),
        as_json({"embeddings": [{"values": [0.1]}]}),
        model="gemini-embedding-001",
    ),
    Row(
        "POST",
        "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent",
        "asyncBatchEmbedContent",
        as_json({"batch": {}}),
        as_json({"name": "batches/b"}),
        model="gemini-embedding-001",
    ),
    Row(
        "POST",
        "/v1beta/models/imagen-4.0-generate-001:predict",
        "predict",
        as_json({"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1}}),
        as_json({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "aGk="}]}),
        model="imagen-4.0-generate-001",
    ),
    Row(
        "POST",
        "/v1beta/models/veo-3.0-generate-001:predictLongRunning",
        "predictLongRunning",
        as_json({"instances": [{"prompt": "a cat"}]}),
        as_json({"name": "models/veo-3.0-generate-001/operations/o"}),
        model="veo-3.0-generate-001",
    ),
    Row(
        "POST",
        "/v1beta/openai/embeddings",
        "openai.embeddings",
        as_json({"model": "gemini-embedding-001", "input": "Hi."}),
        as_json({"data": [{"embedding": [0.5], "index": 0}], "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
        model="gemini-embedding-001",
        expects={"tokens.input": 7, "tokens.total": 7},
    ),
    Row("POST", "/v1internal:loadCodeAssist", "loadCodeAssist", as_json({"metadata": {}}), provider="code_assist"),
    Row(
        "POST", "/v1internal:retrieveUserQuota", "retrieveUserQuota", as_json({"project": "p"}), provider="code_assist"
    ),
    Row(
        "GET",
        "/v1beta/files/abc:download?alt=media",
        "files.download",
        answer=bytes(range(256)),
        content_type="application/octet-stream",
    ),
    Row(
        "GET",
        "/download/v1beta/files/abc:download?alt=media",
        "files.download",
        answer=b'{"key":"1"}\n{"key":"2"}\n',
        content_type="application/jsonl",
    ),
    Row("POST", "/upload/v1beta/files?upload_id=u", "files.upload", b"\x00\xffraw", as_json({"file": {}})),
    Row(
        "POST",
        "/upload/v1beta/files?uploadType=multipart",
        "files.upload",
        b'--cut\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"x"}}\r\n'
        b"--cut\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff\x00\r\n--cut--\r\n",
        as_json({"file": {"name": "files/abc", "state": "ACTIVE"}}),
        sent_type="multipart/related; boundary=cut",
    ),
]

RESOURCES = [
    resource("GET", "/v1beta/models", "models.list"),
    resource("GET", MODEL, "models.get", model="gemini-2.5-pro"),
    resource("GET", "/v1beta/tunedModels", "tunedModels.list"),
    resource("POST", "/v1beta/cachedContents", "cachedContents.create"),
    resource("PATCH", "/v1beta/cachedContents/abc", "cachedContents.update"),
    resource("DELETE", "/v1beta/cachedContents/abc", "cachedContents.delete"),
    resource("GET", "/v1beta/batches", "batches.list"),
    resource("GET", "/v1beta/batches/abc", "batches.get"),
    resource("DELETE", "/v1beta/batches/abc", "batches.delete"),
    resource("POST", "/v1beta/batches/abc:cancel", "batches.cancel"),
    resource("GET", "/v1beta/operations/abc", "operations.get"),
    resource("GET", "/v1beta/models/veo-3/operations/o", "models.operations.get", model="veo-3"),
    resource("POST", "/v1beta/fileSearchStores", "fileSearchStores.create"),
    resource("GET", "/v1beta/fileSearchStores/s/documents", "fileSearchStores.documents.list"),
    resource("POST", "/v1beta/fileSearchStores/s:importFile", "fileSearchStores.importFile"),
    resource(
        "POST",
        "/upload/v1beta/fileSearchStores/s:uploadToFileSearchStore",
        "fileSearchStores.uploadToFileSearchStore",
    ),
    resource("GET", "/v1beta/files", "files.list"),
    resource("GET", "/v1beta/files/abc", "files.get"),
    resource("DELETE", "/v1beta/files/abc", "files.delete"),
    resource("POST", "/v1beta/files:register", "files.register"),
    resource("POST", "/v1alpha/auth_tokens", "auth_tokens.create"),
    resource("GET", "/v1beta/interactions/abc", "interactions.get"),
    resource("POST", "/v1beta/interactions/abc/cancel", "interactions.cancel"),
    resource("GET", "/v1beta/agents", "agents.list"),
    resource("POST", "/v1beta/triggers", "triggers.create"),
    resource("GET", "/v1beta/webhooks/w", "webhooks.get"),
    resource("GET", "/v1beta/openai/models", "openai.models.list"),
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gemtap(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGemtap]:
    others = [part for name in ("vertex", "code_assist") for part in ("--upstream", f"{name}={upstream.origin}")]
    gemtap = RunningGemtap(tmp_path_factory.mktemp("surface"), upstream.origin, *others)
    yield gemtap
    gemtap.close()


@pytest.mark.parametrize(
    "row", [*GENERATION, *OTHER_CALLS, *RESOURCES], ids=lambda row: f"{row.method} {row.target} {row.content_type}"
)
def test_a_call_passes_unchanged_and_is_recorded_as_what_it_is(
    gemtap: RunningGemtap, upstream: ScriptedUpstream, row: Row
) -> None:
    """Each call passes unchanged, and its document is correct."""
    id_ = carried(gemtap, upstream, row)
    document = gemtap.interaction(id_)
    assert gemtap.bytes_of(id_, "request") == row.sent
    answer = gemtap.bytes_of(id_, "response")
    if row.operation == "auth_tokens.create":
        # The name of a token is the token.
        assert re.fullmatch(rb'{\s*"name": "\[redacted:[0-9a-f]{12}\]",\s*"n": 1\s*}', answer)
    else:
        assert answer == row.answer
    assert (document["provider"], document["operation"], document["model"]) == (row.provider, row.operation, row.model)
    assert (document["outcome"], document["error"]) == ("complete", None)
    if row.sent.startswith(b"{"):
        assert document["request"]["body"] == json.loads(row.sent)
    if row.tokens is not None:
        assert document["tokens"] == row.tokens
    if row.says is not None:
        assert row.says in json.dumps(document["response"]["body"])
        assert document["preview"]["answer"] == row.says
    elif row.content_type == "application/json":
        assert document["response"]["body"] == json.loads(answer)
    assert {path: at(document, path) for path in row.expects} == row.expects


def at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document[key]
    return document


def carried(gemtap: RunningGemtap, upstream: ScriptedUpstream, row: Row) -> str:
    """Make the call, and check that each side receives what the other sent. Returns the interaction's id."""
    streamed = row.content_type == EVENTS
    with Peer.to(gemtap.port) as client:
        sent_type = row.sent_type or ("application/json" if row.sent.startswith(b"{") else "")
        headers = [f"Content-Type: {sent_type}"] if sent_type else []
        client.send(request(row.target, *headers, method=row.method, body=row.sent))
        with upstream.accept() as peer:
            head, body = peer.take_request()
            assert head.first == f"{row.method} {row.arrives_at or row.target} HTTP/1.1"
            assert body == row.sent
            answered = [f"Content-Type: {row.content_type}", "Connection: close"]
            if streamed:
                peer.send(response("Transfer-Encoding: chunked", *answered, body=chunk(row.answer) + chunk(b"")))
            else:
                peer.send(response(*answered, body=row.answer))
            got_head, got = client.take_response()
    assert (got_head.status, got) == (200, row.answer)
    assert got_head.value(b"content-type") == row.content_type.encode()
    id_ = got_head.value(b"x-gemtap-id")
    assert id_ is not None
    return id_.decode()


@pytest.mark.parametrize("prefix", ["", "/gemini"])
def test_a_resumable_upload_begins_with_an_address_that_leads_back(
    gemtap: RunningGemtap, upstream: ScriptedUpstream, prefix: str
) -> None:
    """The client receives an upload URL of Gemtap instead of the API, and it is recorded without its credential."""
    path = "/upload/v1beta/files"
    with Peer.to(gemtap.port) as client:
        begin = ("X-Goog-Upload-Protocol: resumable", "X-Goog-Upload-Command: start", "Content-Type: application/json")
        sent = as_json({"file": {"displayName": "x"}})
        client.send(request(prefix + path, *begin, body=sent, host=f"localhost:{gemtap.port}"))
        with upstream.accept() as peer:
            head, body = peer.take_request()
            assert (head.first, body) == (f"POST {path} HTTP/1.1", sent)
            assert head.value(b"x-goog-upload-command") == b"start"
            address = f"X-Goog-Upload-URL: {upstream.origin}{path}?upload_id=u"
            peer.send(response(address, "X-Goog-Upload-Status: active", "Connection: close", body=b""))
        got, _ = client.take_response()
    expected = f"http://localhost:{gemtap.port}{prefix}{path}?upload_id=u"
    assert (got.value(b"x-goog-upload-url") or b"").decode() == expected
    document = gemtap.interaction((got.value(b"x-gemtap-id") or b"").decode())
    assert (document["operation"], document["outcome"]) == ("files.upload", "complete")
    assert document["request"]["body"] == json.loads(sent)
    recorded, _, upload_id = document["response"]["headers"]["x-goog-upload-url"].partition("upload_id=")
    assert recorded == expected.partition("upload_id=")[0]
    assert upload_id.startswith("[redacted:"), "whoever has the id can write to the upload"
    assert document["response"]["headers"]["x-goog-upload-status"] == "active"
