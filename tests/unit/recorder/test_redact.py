"""What is redacted is nowhere in a record, however it was written and however it came."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from gemtap.capture.events import Kind
from gemtap.providers.registry import PROVIDERS
from gemtap.re2_patterns import Pattern
from gemtap.recorder.assemble import assemble
from gemtap.recorder.redact import Redactor
from gemtap.stores.base import Record
from tests.captures import SSE, STREAM, make_capture
from tests.unit.recorder.test_sessions import capture_of

SECRET = "sk-4242-4242"
PATTERNS = (r"sk-\d{4}-\d{4}", r'password is "([^"]+)"')


def recorded(capture: bytes) -> Record:
    record = assemble(
        capture,
        id=ObjectId(),
        recorded_at=datetime(2026, 3, 14, tzinfo=UTC),
        providers={"gemini": PROVIDERS["gemini"]},
        redactor=Redactor(PATTERNS),
    )
    everything = bson.encode(dict(record.document)) + record.request_raw + record.response_raw
    assert SECRET.encode() not in everything
    assert b"swordfish" not in everything
    return record


def asked(text: str) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()


def frames(*texts: str) -> bytes:
    said = ({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]} for text in texts)
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in said)


def test_of_a_body_the_rest_stays_as_it_stands() -> None:
    """Redaction leaves the rest of a body unchanged."""
    sent = b'{ "contents" : [{"parts":[{"text":"use sk-4242-4242 now"}]}]}'
    record = recorded(make_capture(request=[(1, sent)]))
    assert record.request_raw == sent.replace(SECRET.encode(), b"[redacted]")
    request = record.document["request"]
    assert request["body"] == {"contents": [{"parts": [{"text": "use [redacted] now"}]}]}
    assert request["body_redacted"] is True
    assert request["body_bytes"] == len(sent)
    assert record.document["preview"]["prompt"] == "use [redacted] now"
    assert record.document["response"] is not None
    assert "body_redacted" not in record.document["response"]


def test_of_a_pattern_with_groups_only_these_go() -> None:
    """Here within a text of JSON, whose quotes are escaped in the bytes: these are written anew."""
    record = recorded(make_capture(request=[(1, asked('the password is "swordfish".'))]))
    body: Any = record.document["request"]["body"]
    assert body["contents"][0]["parts"][0]["text"] == 'the password is "[redacted]".'
    assert json.loads(record.request_raw) == body


def test_what_escapes_hide_is_found() -> None:
    """Matches behind JSON escapes are found."""
    sent = asked("key: @").replace(b"@", "".join(f"\\u{ord(each):04x}" for each in SECRET).encode())
    assert json.loads(sent)["contents"][0]["parts"][0]["text"] == f"key: {SECRET}"
    body: Any = recorded(make_capture(request=[(1, sent)])).document["request"]["body"]
    assert body["contents"][0]["parts"][0]["text"] == "key: [redacted]"


def test_bodies_that_are_no_json_and_no_text_too() -> None:
    """Binary bodies are redacted."""
    sent = b"\xff\xfe " + SECRET.encode() + b" \x00"
    assert recorded(make_capture(request=[(1, sent)])).request_raw == b"\xff\xfe [redacted] \x00"


def test_a_stream_keeps_its_pieces_where_each_match_is_within_one() -> None:
    """A stream keeps its frames if each match is within one."""
    capture = make_capture(path=STREAM, response=[(1, frames("use ", f"{SECRET} ", "now"))], response_headers=SSE)
    record = recorded(capture)
    assert record.response_raw == frames("use ", "[redacted] ", "now")
    response: Any = record.document["response"]
    assert response["body"]["candidates"][0]["content"]["parts"] == [{"text": "use [redacted] now"}]


@given(cut=st.integers(1, len(SECRET) - 1))
def test_a_match_that_came_in_pieces_is_found_and_the_pieces_are_withheld(cut: int) -> None:
    """A match across frames is found, and the frames are withheld."""
    answer = frames("use ", SECRET[:cut], SECRET[cut:], " now")
    record = recorded(make_capture(path=STREAM, response=[(1, answer)], response_headers=SSE))
    response: Any = record.document["response"]
    assert response["body"]["candidates"][0]["content"]["parts"] == [{"text": "use [redacted] now"}]
    assert record.response_raw == b""
    assert response["body_redacted"] is True
    assert "withheld" in response["body_incomplete"]
    assert record.document["preview"]["answer"] == "use [redacted] now"


def test_messages_of_a_session_too() -> None:
    """Messages of a session are redacted."""
    record = recorded(
        capture_of(
            (Kind.WS_CLIENT, 1_000, json.dumps({"clientContent": {"turns": [{"parts": [{"text": SECRET}]}]}})),
            (
                Kind.WS_SERVER,
                2_000,
                json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": f"<{SECRET}>"}]}}}).encode(),
            ),
        )
    )
    assert record.document["request"]["body_redacted"] is True
    response: Any = record.document["response"]
    assert response["body"]["messages"][0]["data"] == {
        "serverContent": {"modelTurn": {"parts": [{"text": "<[redacted]>"}]}}
    }


def test_a_match_in_pieces_of_a_session_takes_its_messages_along() -> None:
    """A match across messages of a session withholds them."""
    pieces = [
        json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": part}]}}}) for part in ("sk-42", "42-4242")
    ]
    record = recorded(capture_of(*((Kind.WS_SERVER, n, piece) for n, piece in enumerate(pieces))))
    response: Any = record.document["response"]
    assert "messages" not in response["body"]
    assert "withheld" in response["body_incomplete"]


@given(text=st.text(alphabet="ab-\u00e4\ud800", max_size=30))
def test_what_does_not_match_stays_to_the_byte(text: str) -> None:
    """Bodies without a match keep their exact bytes."""
    redactor = Redactor(["c+"])
    raw = text.encode("utf-8", "surrogatepass")
    assert redactor.body(raw)[0] == raw
    assert redactor.value([{text: text}]) == [{text: text}]


@pytest.mark.parametrize(
    ("expression", "reason"), [("(", "missing )"), ("a*", "the empty text"), (r"(?=a)", "invalid perl operator")]
)
def test_what_is_no_expression_is_refused(expression: str, reason: str) -> None:
    """An invalid expression is rejected."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        Pattern(expression)


def test_no_expression_takes_long() -> None:
    """With a backtracking matcher this one would not end before the sun does."""
    assert Pattern("(a+)+$").replace(b"a" * 50_000 + b"b", b"") == b"a" * 50_000 + b"b"


def test_known_secrets_are_taken_out_wherever_they_came_in_pieces() -> None:
    """A key of a well-known form goes from a request, from a stream that cut it, and from what escapes hide."""
    key = "ghp_" + "aB3" * 12
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key).encode()
    for request, response in (
        (asked(f"my token is {key}"), frames("Thanks")),
        (asked("hide").replace(b"hide", escaped), frames("Thanks")),
        (asked("say it"), frames(f"It is {key[:9]}", f"{key[9:]}.")),
    ):
        record = assemble(
            make_capture(request=[(1, request)], response=[(2, response)], path=STREAM, response_headers=SSE),
            id=ObjectId(),
            recorded_at=datetime(2026, 3, 14, tzinfo=UTC),
            providers={"gemini": PROVIDERS["gemini"]},
            redactor=Redactor((), known_secrets=True),
        )
        everything = bson.encode(dict(record.document)) + record.request_raw + record.response_raw
        assert key.encode() not in everything
        assert key[9:].encode() not in everything
        assert escaped not in everything
        assert b"[redacted]" in everything
