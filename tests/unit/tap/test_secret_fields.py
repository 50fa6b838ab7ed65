"""Every field of the SDKs' published types that holds a secret is declared, and replaced in what the tap captures."""

from __future__ import annotations

import gzip
import json

import pytest

from gemtap.providers.declared_secrets import secrets_of
from gemtap.tap.cleaning import CleanBody
from gemtap.tap.credentials import Fingerprints, redact_request
from tests.secrets.planting import Planted, planted


def kept(
    body: bytes, kind: Planted, *, content_type: bytes = b"application/json", encoding: bytes | None = None
) -> bytes:
    """What the capture has of a body that passes in pieces."""
    operation = secrets_of(kind.provider).of(kind.path.encode())
    is_request = kind.direction == "request"
    clean = CleanBody(
        redact_request([], b"", Fingerprints(b"k" * 32)),
        operation.request if is_request else operation.response,
        encoding=encoding,
        content_type=content_type,
        held=operation.held,
        is_request=is_request,
    )
    pieces = [clean.add(body[at : at + 37]) for at in range(0, len(body), 37)]
    return b"".join(piece.text for piece in (*pieces, clean.end(whole=True)))


def as_event(body: bytes) -> bytes:
    """The body as one event of a stream, after others."""
    return b'event: ping\ndata: {"type": "ping"}\n\ndata: ' + body + b"\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize("kind", list(planted()), ids=str)
def test_no_secret_field_is_captured(kind: Planted) -> None:
    """A canary in each field of a body is replaced: as JSON, pretty-printed, as an event and compressed."""
    body = kind.body
    pretty = json.dumps(json.loads(body), indent=2).encode()
    results = [kept(body, kind), kept(pretty, kind), kept(gzip.compress(body), kind, encoding=b"gzip")]
    if kind.direction != "request":
        results.append(kept(as_event(body), kind, content_type=b"text/event-stream"))
    for result in results:
        assert [at for at, canary in kind.canaries.items() if canary.encode() in result] == []
    assert b"[redacted:" in results[0]
