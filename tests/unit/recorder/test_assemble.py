"""Captures put together into interactions."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from gemtap.capture.events import Kind, pack
from gemtap.dialects.base import Parsed, RawExchange
from gemtap.providers.base import ExchangeParser
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble
from gemtap.recorder.captured import CaptureUnreadable
from gemtap.stores.base import Record
from tests.captures import GENERATE, JSON, SSE, STREAM, make_capture

RECORDED_AT = datetime(2026, 3, 14, 12, 0, 5, 6_789, tzinfo=UTC)


def assembled(capture: bytes, provider: ExchangeParser | None = None) -> Record:
    """The record, which BSON can hold whatever the capture was."""
    record = assemble(
        capture, id=ObjectId(), recorded_at=RECORDED_AT, providers={"gemini": provider or PROVIDERS["gemini"]}
    )
    bson.encode(dict(record.document))
    return record


def document(capture: bytes) -> Any:
    return assembled(capture).document


def frame(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\r\n\r\n"


def text(part: str, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": part}]}, "index": 0, **fields}]}


def test_an_exchange_becomes_a_document() -> None:
    """A capture becomes a document with all fields."""
    got = document(
        make_capture(
            path=b"/gemini" + GENERATE,
            upstream_path=GENERATE,
            query=b"key=[redacted:8f2a11c0beef]",
            request=[(100, b'{"contents":[],"generationConfig"'), (200, b':{"temperature":0.5}}')],
            request_headers=[*JSON, (b"User-Agent", b"geminicli/1.2"), (b"x-a", b"1"), (b"X-A", b"2")],
            response=[
                (
                    3_000,
                    b'{"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-pro-002",'
                    b'"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9}}',
                )
            ],
        )
    )
    assert got["timestamp"] == datetime(2026, 3, 14, 12, 0, 0, 123_000, tzinfo=UTC)
    assert got["recorded_at"] == datetime(2026, 3, 14, 12, 0, 5, 6_000, tzinfo=UTC)
    assert got["request"] == {
        "method": "POST",
        "path": "/gemini" + GENERATE.decode(),
        "query": "key=[redacted:8f2a11c0beef]",
        "http_version": "1.1",
        "headers": {"content-type": "application/json", "user-agent": "geminicli/1.2", "x-a": ["1", "2"]},
        "body": {"contents": [], "generationConfig": {"temperature": 0.5}},
        "body_bytes": 54,
    }
    assert got["response"]["status"] == 200
    assert got["request_duration_ms"] == 3.5
    assert got["generation_settings"] == {"temperature": 0.5}
    assert got["usage_metadata"]["totalTokenCount"] == 9
    assert got["tokens"]["total"] == 9
    assert (got["provider"], got["operation"], got["model"]) == ("gemini", "generateContent", "gemini-2.5-pro")
    assert (got["model_version"], got["finish_reason"]) == ("gemini-2.5-pro-002", "STOP")
    assert (got["streaming"], got["outcome"], got["error"]) == (False, "complete", None)
    assert got["client"]["name"] == "gemini-cli"
    assert got["client"]["key"] == "8f2a11c0beef"


def test_a_stream_is_accumulated_and_kept_as_it_came() -> None:
    """A stream has an accumulated body and its exact bytes."""
    frames = [
        frame(text("")),
        frame(text("Ray")),
        frame(text("leigh.", finishReason="STOP") | {"usageMetadata": {"candidatesTokenCount": 4}}),
    ]
    pieces = [(2_500, frames[0]), (10_500, frames[1][:20]), (12_500, frames[1][20:]), (20_500, frames[2])]
    record = assembled(
        make_capture(path=STREAM, response_headers=SSE, response=pieces, response_at=2_000, end_at=20_600)
    )
    got: Any = record.document
    assert record.accumulated
    assert record.response_raw == b"".join(frames)
    assert got["response"]["body"]["candidates"][0]["content"]["parts"] == [{"text": "Rayleigh."}]
    assert got["response"]["chunks"] == {
        "at_ms": [2.0, 10.0, 12.0, 20.0],
        "bytes": [len(piece) for _, piece in pieces],
    }
    assert got["timing"] == {
        "first_byte_ms": 1.5,
        "first_token_ms": 12.0,
        "chunks": 4,
        "longest_gap_ms": 8.0,
        "output_tokens_per_s": 500.0,
    }


def test_the_first_token_of_a_compressed_stream_has_its_time() -> None:
    """The time of the first token is found in compressed streams."""
    stream = frame(text("")) + frame(text("Rayleigh.", finishReason="STOP"))
    encoded = gzip.compress(stream)
    record = assembled(
        make_capture(
            path=STREAM,
            response_headers=[*SSE, (b"content-encoding", b"gzip")],
            response=[(2_500, encoded[:20]), (9_500, encoded[20:])],
        )
    )
    assert record.response_raw == stream
    assert record.document["timing"]["first_token_ms"] == 9.0
    assert record.document["response"] is not None
    assert record.document["response"]["body_bytes"] == len(encoded)


def test_a_body_that_the_tap_has_decoded_is_not_decoded_again() -> None:
    """A body that was captured decoded is not decoded again."""
    got = document(
        make_capture(
            status=400,
            response=[(3_000, b'{"error":{"code":400,"message":"API key not valid."}}')],
            response_headers=[*JSON, (b"content-encoding", b"gzip")],
            response_end={"bytes": 61},
            decoded=True,
        )
    )
    assert got["error"]["message"] == "API key not valid."
    assert got["response"]["body_bytes"] == 61
    assert "body_incomplete" not in got["response"]


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_without_a_known_shape_is_still_an_error(status: int) -> None:
    """An error status without a known body is an error."""
    got = document(make_capture(status=status, response=[(3_000, b"<h1>No</h1>")], response_headers=[]))
    assert got["error"] == {"message": f"HTTP status {status}", "details": "<h1>No</h1>"}
    assert got["outcome"] == "complete"


def test_a_capture_without_an_end_is_interrupted_and_has_what_had_arrived() -> None:
    """A capture without an end is interrupted, and keeps its bytes."""
    capture = make_capture(path=STREAM, response_headers=SSE, response=[(3_000, frame(text("Half")))], outcome=None)
    got = document(capture)
    assert got["outcome"] == "interrupted"
    assert got["response"]["body"]["candidates"][0]["content"]["parts"] == [{"text": "Half"}]
    assert got["error"]["message"].startswith("Gemtap ended while")
    assert got["request_duration_ms"] == 2.5


def test_a_capture_torn_anywhere_is_recorded_or_refused_by_name() -> None:
    """A torn capture is recorded or rejected with a reason."""
    capture = make_capture(outcome=None)
    whole = assembled(capture).document["request"]["body"]
    seen = set()
    for end in range(len(capture)):
        try:
            got = document(capture[:end])
        except CaptureUnreadable:
            seen.add("refused")
        else:
            seen.add("answered" if got["response"] else "asked")
            assert got["outcome"] == "interrupted"
            assert got["request"]["body"] in (None, whole)
    assert seen == {"refused", "asked", "answered"}


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        (b"", "empty"),
        (b"\xc1" * 50, "empty"),
        (pack(Kind.END, 0, {}), "begins with 'end'"),
        (pack(Kind.REQUEST, 0, [1]), "begins with 'request'"),
        (make_capture(format=3), "format is 3"),
    ],
)
def test_what_is_no_capture_is_refused_with_the_reason(capture: bytes, reason: str) -> None:
    """Other files are rejected with a reason."""
    with pytest.raises(CaptureUnreadable, match=reason):
        assembled(capture)


def test_a_provider_that_fails_costs_no_exchange() -> None:
    """If a provider fails, the exchange is still recorded."""

    class Broken:
        name = "gemini"

        def parse(self, exchange: RawExchange) -> Parsed:
            raise KeyError(exchange.path)

    record = assembled(make_capture(), Broken())
    got: Any = record.document
    assert got["request"]["body"] == {"contents": [{"parts": [{"text": "Why?"}]}]}
    assert record.request_raw == b'{"contents":[{"parts":[{"text":"Why?"}]}]}'
    assert got["operation"] == "unknown"
    assert "could not parse" in got["error"]["message"]
    assert "KeyError" in got["error"]["details"]


def test_a_path_that_no_provider_knows_is_recorded() -> None:
    """An exchange with an unknown path is recorded."""
    got = document(
        make_capture(provider="", path=b"/v9/x", upstream_path=b"", status=404, outcome="refused", sent=None)
    )
    assert (got["provider"], got["operation"], got["outcome"]) == ("unknown", "unknown", "refused")
    assert got["request_duration_ms"] is None
    assert got["timing"]["first_byte_ms"] is None


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (("upstream_timeout", "generativelanguage.googleapis.com was silent for 600 s."), "was silent"),
        (("client_disconnected", None), "went away"),
        (("something_new", None), "something_new"),
    ],
)
def test_how_an_exchange_ended_is_its_error(ending: tuple[str, str | None], message: str) -> None:
    """Each outcome has its error."""
    got = document(make_capture(outcome=ending[0], details=ending[1], status=None, response=[]))
    assert got["outcome"] == ending[0]
    assert message in got["error"]["message"]
    assert got["response"] is None


def test_a_client_that_hangs_up_at_an_error_has_that_error() -> None:
    """The API's error in the stream is the cause. Without one, the client's leaving is."""
    failed = b'data: {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}\r\n\r\n'
    got = document(
        make_capture(
            outcome="client_disconnected",
            response=[(2, failed)],
            response_headers=[(b"content-type", b"text/event-stream")],
        )
    )
    assert got["outcome"] == "client_disconnected"
    assert got["error"]["message"] == "The model is overloaded."


@pytest.mark.parametrize(
    ("request_body", "response_body", "headers", "message"),
    [
        (b"{}", b"{]", JSON, "The answer's body is not valid JSON"),
        (b"{", b"{", JSON, "The answer's body is not valid JSON"),
        (
            b"{}",
            b"{}",
            [*JSON, (b"content-encoding", b"gzip")],
            "The answer's body cannot be decoded: the gzip stream is broken",
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_kept_and_says_so(
    request_body: bytes, response_body: bytes, headers: list[tuple[bytes, bytes]], message: str
) -> None:
    """An unreadable body is stored, with a reason."""
    record = assembled(
        make_capture(request=[(1, request_body)], response=[(2, response_body)], response_headers=headers)
    )
    assert (record.request_raw, record.response_raw) == (request_body, response_body)
    assert record.document["error"] is not None
    assert record.document["error"]["message"].startswith(message)


UPLOADED = b'{"file": {"name": "files/abc", "mimeType": "application/pdf", "state": "ACTIVE"}}'
UPLOAD = b"/upload/v1beta/files"


@pytest.mark.parametrize(
    ("method", "path", "query", "command", "body", "status", "answer"),
    [
        ("POST", UPLOAD, b"", b"start", b'{"file": {"displayName": "a"}}', 200, b""),
        ("POST", UPLOAD, b"upload_id=1&upload_protocol=resumable", b"upload", b"%PDF-1.4 the first", 200, b""),
        ("POST", UPLOAD, b"upload_id=1", b"upload, finalize", b"%PDF-1.4 words", 200, UPLOADED),
        ("PUT", UPLOAD, b"upload_id=1&uploadType=resumable", b"", b"{a part of JSON", 308, b""),
        ("POST", UPLOAD, b"upload_id=1", b"query", b"", 200, b""),
        ("POST", UPLOAD, b"upload_id=1", b"finalize", b"", 200, UPLOADED),
        ("POST", UPLOAD, b"upload_id=1", b"cancel", b"", 200, b""),
        ("POST", UPLOAD, b"uploadType=media", b"", b"\xff\xfe bytes", 200, UPLOADED),
        ("POST", b"/upload/v1beta/stores/a:upload", b"", b"upload, finalize", b"a", 200, UPLOADED),
        # Google takes JSON that is none by its standard.
        ("POST", GENERATE, b"", b"", b"{contents: [],}", 200, b'{"candidates": []}'),
    ],
)  # fmt: skip
def test_what_the_api_has_taken_is_no_error(
    method: str, path: bytes, query: bytes, command: bytes, body: bytes, status: int, answer: bytes
) -> None:
    """No step of an upload is an error, though google-genai for Python sends every file as `application/json`."""
    got = document(
        make_capture(
            method=method,
            upstream_path=path,
            query=query,
            request=[(1, body)] if body else [],
            request_headers=[*JSON, (b"x-goog-upload-command", command)],
            status=status,
            response=[(2, answer)] if answer else [],
            response_headers=JSON,
        )
    )
    assert got["error"] is None


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("path", [b"/v1beta/files/abc:download", b"/download/v1beta/files/abc:download", STREAM])
@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": 302, "message": "Unknown Error.", "status": "UNKNOWN"}}',
        b'[{"error": {"code": 302, "message": "Unknown Error."}}]',
        b"<HTML>Moved</HTML>",
        b"",
    ],
)
def test_a_redirect_is_no_error(status: int, path: bytes, body: bytes) -> None:
    """Google answers each download of a video with 302 and a body that says `error`."""
    got = document(
        make_capture(
            method="GET",
            upstream_path=path,
            query=b"alt=media",
            request=[],
            status=status,
            response=[(2, body)] if body else [],
            response_headers=[*JSON, (b"location", b"https://example.test/download/abc")],
        )
    )
    assert got["error"] is None


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (b"/v1beta/files/abc:download", b"alt=media"),
        (b"/download/v1beta/files/abc:download", b"alt=media"),
        (b"/v1beta/files/abc", b"alt=media"),
        (b"/v1beta/openai/files/abc/content", b""),
    ],
)
def test_a_file_that_is_downloaded_is_none_of_the_apis_answers(path: bytes, query: bytes) -> None:
    """A file may be JSON with errors and tokens in it, or none in spite of its type: it was downloaded all the same."""
    for body in (b'{"error": {"message": "a"}, "usageMetadata": {"promptTokenCount": 5}}', b"{}\n{}\n", b"{"):
        got = document(make_capture(method="GET", upstream_path=path, query=query, request=[], response=[(2, body)]))
        assert got["error"] is None
        assert got["tokens"]["input"] is None


def test_a_download_that_fails_is_an_error() -> None:
    """With an error's status the body is the API's."""
    body = b'{"error": {"code": 404, "message": "No such file."}}'
    path = b"/v1beta/files/abc:download"
    got = document(make_capture(method="GET", upstream_path=path, query=b"alt=media", status=404, response=[(2, body)]))
    assert got["error"]["message"] == "No such file."


def test_a_body_that_was_cut_short_says_so_and_is_no_fault() -> None:
    """A truncated body is marked, and is no error."""
    got = document(
        make_capture(request=[(1, b'{"contents": [')], request_end={"bytes": 5_000_000, "sha256": b"\x01" * 32})
    )
    assert got["request"]["body_truncated"] is True
    assert got["request"]["body_bytes"] == 5_000_000
    assert got["request"]["body_sha256"] == "01" * 32
    assert got["error"] is None


def test_what_bson_cannot_hold_is_left_out_of_every_field() -> None:
    """Integers over 64 bits and lone surrogates, in the body, the settings, the usage, the answer of a stream."""
    hostile = '{"n": 123456789012345678901234567890, "s": "\\ud800", "fine": 1}'
    stream = (
        'data: {"candidates": [{"content": {"parts": [{"text": "\\ud83d"}]}, "finishReason": "\\udfff"}],'
        f' "usageMetadata": {hostile}, "modelVersion": "\\ud800", "error": {{"message": "\\ud800", "code": 1}}}}\n\n'
    )
    got = document(
        make_capture(
            path=STREAM,
            request=[(1, f'{{"generationConfig": {hostile}}}'.encode())],
            response=[(3_000, stream.encode())],
            response_headers=SSE,
        )
    )
    assert got["generation_settings"] == {"fine": 1}
    assert got["usage_metadata"] == {"fine": 1}
    assert got["request"]["body_incomplete"] == "integers over 64 bits; lone surrogates"
    assert "lone surrogates" in got["response"]["body_incomplete"]
    assert (got["model_version"], got["finish_reason"], got["error"]["message"]) == ("?", "?", "?")
    assert got["preview"] == {"prompt": None, "answer": None}


@given(
    request=st.binary(max_size=60), response=st.binary(max_size=120), status=st.sampled_from([200, 400]),
    path=st.sampled_from([STREAM, GENERATE, b"/v1beta/models", b"/upload/v1beta/files"]),
    headers=st.sampled_from([JSON, SSE, [*SSE, (b"content-encoding", b"deflate")], [(b"caf\xe9", b"\xff")]]),
)  # fmt: skip
def test_whatever_the_bytes_are_they_are_recorded(
    request: bytes, response: bytes, status: int, path: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Any bytes are recorded."""
    record = assembled(
        make_capture(
            path=path, request=[(1, request)], response=[(2, response)], response_headers=headers, status=status
        )
    )
    assert record.request_raw == request
