"""WebSocket sessions put together into interactions."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import bson
import msgpack
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from gemtap.capture.events import Kind, pack
from gemtap.interaction import summary, to_json
from gemtap.providers.registry import PROVIDERS
from gemtap.recorder.assemble import assemble, assemble_plainly
from gemtap.stores.base import Record
from tests.captures import make_capture

LIVE = b"/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SENT = 500

Sent = tuple[Kind, int, str | bytes]


def capture_of(*messages: Sent, closing: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A session of these messages; `SENT` is when the handshake went upstream."""
    head: dict[str, Any] = {"path": LIVE, "method": "GET", "request": (), "request_headers": ()}
    answer: dict[str, Any] = {"status": 101, "sent": SENT, "response": (), "response_headers": (), "outcome": None}
    whole = make_capture(**head | answer | fields)
    packed = [pack(*message) for message in messages]
    sizes = {
        side: sum(len(data.encode() if isinstance(data, str) else data) for kind, _, data in messages if kind == side)
        for side in (Kind.WS_CLIENT, Kind.WS_SERVER)
    }
    if closing is not None:
        end = {
            "outcome": "complete",
            "details": None,
            "sent": SENT,
            "request": {"bytes": sizes[Kind.WS_CLIENT]},
            "response": {"bytes": sizes[Kind.WS_SERVER]},
            "closing": closing,
        }
        packed.append(pack(Kind.END, 99_500, end))
    return whole + b"".join(packed)


def assembled(capture: bytes) -> Record:
    """The record, which both BSON and JSON can hold."""
    recorded_at = datetime(2026, 3, 14, 12, 0, 5, tzinfo=UTC)
    record = assemble(capture, id=ObjectId(), recorded_at=recorded_at, providers=PROVIDERS)
    bson.encode(dict(record.document))
    json.dumps(to_json(record.document))
    return record


def normal(code: int = 1000, by: str = "client", reason: str = "") -> dict[str, Any]:
    return {"by": by, "code": code, "reason": reason}


def unpacked(raw: bytes) -> list[Any]:
    return list(msgpack.Unpacker(io.BytesIO(raw), max_buffer_size=0))


SETUP = '{"setup":{"model":"models/gemini-live-2.5"}}'
ASKED = '{"clientContent": {"turns":[{"role":"user","parts":[{"text":"Why?"}]}], "turnComplete":true}}'
ANSWER = b'{"serverContent":{"modelTurn":{"parts":[{"text":"Rayleigh."}]}}}'
DONE = b'{"serverContent":{"turnComplete":true},"usageMetadata":{"responseTokenCount":3,"totalTokenCount":9}}'

CONVERSATION: list[Sent] = [
    (Kind.WS_CLIENT, 1_500, SETUP),
    (Kind.WS_SERVER, 2_500, b'{"setupComplete":{}}'),
    (Kind.WS_CLIENT, 10_500, ASKED),
    (Kind.WS_SERVER, 20_500, ANSWER),
    (Kind.WS_SERVER, 50_500, DONE),
]


def test_a_session_becomes_a_document() -> None:
    """A WebSocket session becomes one document."""
    record = assembled(capture_of(*CONVERSATION, closing=normal()))
    got: Any = record.document
    assert got["request"]["body"] == {
        "messages": [{"at_ms": 1.0, "data": json.loads(SETUP)}, {"at_ms": 10.0, "data": json.loads(ASKED)}]
    }
    assert got["response"]["body"] == {
        "turns": [
            {"role": "user", "parts": [{"text": "Why?"}], "turnComplete": True},
            {"role": "model", "parts": [{"text": "Rayleigh."}], "turnComplete": True},
        ],
        "messages": [
            {"at_ms": 2.0, "data": {"setupComplete": {}}},
            {"at_ms": 20.0, "data": json.loads(ANSWER)},
            {"at_ms": 50.0, "data": json.loads(DONE)},
        ],
    }
    assert got["response"]["status"] == 101
    assert got["response"]["closing"] == {"by": "client", "code": 1000, "reason": ""}
    assert got["request"]["body_bytes"] == len(SETUP) + len(ASKED)
    assert (got["operation"], got["model"], got["streaming"]) == ("bidiGenerateContent", "gemini-live-2.5", True)
    assert (got["tokens"]["output"], got["tokens"]["total"]) == (3, 9)
    assert (got["outcome"], got["error"], got["request_duration_ms"]) == ("complete", None, 99.0)
    assert got["timing"] == {
        "first_byte_ms": 2.0,
        "first_token_ms": 20.0,
        "chunks": 3,
        "longest_gap_ms": 30.0,
        "output_tokens_per_s": None,
    }
    assert "chunks" not in got["response"]
    assert "closing" in summary(got)["response"]


def test_the_exact_messages_and_their_times_are_kept() -> None:
    """The exact messages and their times are stored."""
    record = assembled(capture_of(*CONVERSATION, closing=normal()))
    assert unpacked(record.request_raw) == [[1_500, SETUP], [10_500, ASKED]]
    assert unpacked(record.response_raw) == [[at, data] for kind, at, data in CONVERSATION if kind == Kind.WS_SERVER]


def test_a_session_that_takes_too_much_to_be_read_keeps_its_exact_messages() -> None:
    """In the same form, so that whoever reads them later need not know."""
    capture = capture_of(*CONVERSATION)
    read, id_ = assembled(capture), ObjectId()
    plain = assemble_plainly(capture, id=id_, recorded_at=datetime.now(UTC), why="it is late")
    assert (plain.request_raw, plain.response_raw) == (read.request_raw, read.response_raw)
    assert plain.request_raw
    assert plain.document["request"]["body"] is None


def test_a_message_that_is_no_json_is_text_or_base64() -> None:
    """Messages without JSON are stored as text or Base64."""
    sent: list[Sent] = [
        (Kind.WS_CLIENT, 600, "hello"),
        (Kind.WS_CLIENT, 700, b"hi"),
        (Kind.WS_CLIENT, 800, b"\xff\x00"),
    ]
    got: Any = assembled(capture_of(*sent, closing=normal())).document
    assert [each["data"] for each in got["request"]["body"]["messages"]] == [
        "hello",
        "hi",
        {"base64": "/wA="},
    ]
    assert got["response"]["body"] == {"turns": [], "messages": []}


def test_a_message_of_text_may_be_large() -> None:
    """Megabytes, as JavaScript clients send an image."""
    large = json.dumps({"realtimeInput": {"video": {"mimeType": "image/png", "data": "A" * 3 * 2**20}}})
    record = assembled(capture_of((Kind.WS_CLIENT, 600, large), (Kind.WS_SERVER, 700, ANSWER), closing=normal()))
    got: Any = record.document
    assert got["response"]["body"]["turns"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "bytes": 3 * 2**20 * 3 // 4}}
    ]
    assert len(got["response"]["body"]["messages"]) == 1


@pytest.mark.parametrize(
    ("closing", "message"),
    [
        (normal(), None),
        (normal(1011), None),
        (normal(1000, "upstream"), None),
        (normal(1001, "upstream", "bye"), None),
        (normal(1005, "upstream"), None),
        (normal(1007, "upstream", "no such model"), "The session was closed with 1007: no such model"),
        (normal(1011, "upstream"), "The session was closed with 1011"),
    ],
)
def test_a_code_of_the_upstream_that_tells_of_a_fault_is_an_error(closing: dict[str, Any], message: str | None) -> None:
    """An error code of the upstream's closing is the error."""
    got = assembled(capture_of(*CONVERSATION, closing=closing)).document
    assert got["outcome"] == "complete"
    assert got["error"] == (None if message is None else {"message": message, "details": closing})


def test_what_the_api_said_before_it_closed_is_nearer() -> None:
    """An error message takes precedence over the closing code."""
    said: Sent = (Kind.WS_SERVER, 600, '{"error":{"message":"quota"}}')
    got = assembled(capture_of(said, closing=normal(1011, "upstream"))).document
    assert got["error"] == {"message": "quota", "details": {"message": "quota"}}


def test_a_session_without_an_end_is_interrupted_and_has_what_had_arrived() -> None:
    """A session without an end is interrupted, and keeps its messages."""
    got: Any = assembled(capture_of(*CONVERSATION[:4])).document
    assert got["outcome"] == "interrupted"
    assert got["response"]["body"]["turns"][1]["parts"] == [{"text": "Rayleigh."}]
    assert "closing" not in got["response"]
    assert got["request"]["body_bytes"] == len(SETUP) + len(ASKED)


def test_a_handshake_that_was_refused_is_an_ordinary_answer() -> None:
    """A refused handshake is stored as a plain response."""
    refusal = [(3_000, b'{"error":{"code":401,"message":"no"}}')]
    got: Any = assembled(capture_of(status=401, response=refusal, outcome="complete")).document
    assert got["request"]["body"] is None
    assert got["response"]["body"] == {"error": {"code": 401, "message": "no"}}
    assert got["error"]["message"] == "no"


def test_what_bson_cannot_hold_is_left_out_and_said() -> None:
    """Values that BSON cannot hold are omitted, with a reason."""
    deep = '{"a":' + "[" * 99 + "]" * 99 + "}"
    sent: list[Sent] = [(Kind.WS_SERVER, 600, deep), (Kind.WS_SERVER, 700, '{"s":"\\ud800","n":18446744073709551616}')]
    got: Any = assembled(capture_of(*sent, closing=normal())).document
    assert got["response"]["body"]["messages"][1]["data"] == {}
    reasons = set(got["response"]["body_incomplete"].split("; "))
    assert reasons == {"nested deeper than 100 levels", "integers over 64 bits", "lone surrogates"}


def test_messages_that_did_not_fit_are_told_of() -> None:
    """Messages over the limit are reported."""
    end = {"bytes": 5_000_000, "sha256": b"\x01" * 32}
    capture = capture_of() + pack(
        Kind.END,
        900,
        {"outcome": "complete", "details": None, "sent": SENT, "request": end, "response": {"bytes": 0}},
    )
    request = assembled(capture).document["request"]
    assert (request["body"], request["body_bytes"]) == ({"messages": []}, 5_000_000)
    assert request["body_truncated"] is True


def test_a_provider_that_fails_on_a_session_costs_no_message() -> None:
    """If a provider fails, all messages are still stored."""
    record = assemble(
        capture_of(*CONVERSATION, closing=normal(), provider="none"),
        id=ObjectId(),
        recorded_at=datetime.now(UTC),
        providers=PROVIDERS,
    )
    got: Any = record.document
    assert len(got["response"]["body"]["messages"]) == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.WS_CLIENT, Kind.WS_SERVER]), st.integers(0, 10**9), st.binary(max_size=20) | st.text()
        ),
        max_size=6,
    )
)
def test_whatever_the_messages_are_they_are_recorded(messages: list[Sent]) -> None:
    """Any messages are recorded."""
    record = assembled(capture_of(*messages, closing=normal()))
    for kind, raw in ((Kind.WS_CLIENT, record.request_raw), (Kind.WS_SERVER, record.response_raw)):
        kept = unpacked(raw)
        assert kept == [[at, data] for sent_by, at, data in messages if sent_by == kind]
