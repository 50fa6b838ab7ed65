"""Bodies on their way into the capture: as they came where nothing has to go, cleaned where something has."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gemtap.encodings import decode, decode_beginning
from gemtap.providers.declared_secrets import SECRETS
from gemtap.tap.cleaning import HELD, CleanBody
from gemtap.tap.credentials import Fingerprints, Redacted, redact_request

KEY = b"AIzaSyCanary-0123456789_abcdefghijklmnop"
TOKEN = b"auth_tokens/canary-fedcba9876543210"
PRINTS = Fingerprints(b"secret of the fingerprints")

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def head(key: bytes = KEY) -> Redacted:
    return redact_request([(b"x-goog-api-key", key)], b"", PRINTS)


def cleaned(
    body: bytes,
    size: int,
    *,
    path: bytes = b"/v1beta/interactions",
    encoding: str = "",
    whole: bool = True,
    redacted: Redacted | None = None,
    is_request: bool = False,
) -> tuple[bytes, CleanBody]:
    """What is kept of the body, decoded as the recorder would do it."""
    operation = SECRETS["gemini"].of(path)
    clean = CleanBody(
        redacted or head(),
        operation.request if is_request else operation.response,
        encoding=encoding.encode() or None,
        content_type=b"application/json",
        held=operation.held,
        is_request=is_request,
    )
    pieces = [clean.add(body[at : at + size]) for at in range(0, len(body), size)]
    pieces.append(clean.end(whole=whole))
    raw = [(0, piece.text) for piece in pieces if not piece.decoded and piece.text]
    decoded = b"".join(piece.text for piece in pieces if piece.decoded)
    if decoded:
        return decode_beginning(raw, encoding).body + decoded, clean
    return decode(raw, encoding).body, clean


@pytest.mark.parametrize("encoding", ENCODERS)
@given(before=st.text(max_size=300), after=st.text(max_size=300), size=st.integers(1, 200))
@settings(max_examples=30)
def test_a_repeated_key_is_replaced_in_every_encoding(encoding: str, before: str, after: str, size: int) -> None:
    """However the answer is encoded and cut, the text before and after the key is kept."""
    text = json.dumps([before, KEY.decode(), after]).encode()
    kept, clean = cleaned(ENCODERS[encoding](text), size, encoding=encoding)
    assert KEY not in kept
    assert clean.changed
    start, end = text.split(KEY)
    assert kept.startswith(start)
    assert kept.endswith(end)
    assert len(kept) - len(start) - len(end) <= len(PRINTS.placeholder(KEY)) + 3


@pytest.mark.parametrize("encoding", ENCODERS)
@given(text=st.binary(max_size=500), size=st.integers(1, 200), whole=st.booleans())
@settings(max_examples=30)
def test_what_has_no_credential_is_kept_to_the_byte(encoding: str, text: bytes, size: int, whole: bool) -> None:
    """What has nothing to hide stays as it came, compressed bytes too."""
    body = ENCODERS[encoding](text)
    clean = CleanBody(
        head(),
        SECRETS["gemini"].everywhere.response,
        encoding=encoding.encode() or None,
        content_type=b"application/octet-stream",
    )
    pieces = [clean.add(body[at : at + size]) for at in range(0, len(body), size)]
    pieces.append(clean.end(whole=whole))
    assert b"".join(piece.text for piece in pieces) == body
    assert not any(piece.decoded for piece in pieces if piece.text)
    assert not clean.changed


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_token_that_is_handed_out_is_held_and_replaced(encoding: str) -> None:
    """The answer of `auth_tokens` is kept when it is whole, without the token."""
    text = json.dumps({"note": TOKEN.decode(), "name": TOKEN.decode(), "expireTime": "2026"}).encode()
    for size in (1, 10, 1000):
        redacted = head()
        kept, clean = cleaned(
            ENCODERS[encoding](text), size, encoding=encoding, path=b"/v1alpha/auth_tokens", redacted=redacted
        )
        placeholder = redacted.found[TOKEN].decode()
        assert json.loads(kept) == {"note": placeholder, "name": placeholder, "expireTime": "2026"}
        assert clean.changed


@pytest.mark.parametrize(
    ("body", "whole", "why"),
    [
        (b'{"name":"' + TOKEN + b'"', True, "not valid JSON"),
        (b"name=" + TOKEN, True, "not valid JSON"),
        (b'"' + TOKEN + b'"', True, "not valid JSON"),
        (b'{"name":"a"} ' + TOKEN, True, "not valid JSON"),
        (b'{"name":"' + TOKEN + b'"}', False, "broke off"),
        (b'{"name":"' + TOKEN + b'","x":"' + b"x" * HELD + b'"}', True, "larger than 1 MiB"),
    ],
)
def test_what_is_held_and_cannot_be_looked_through_is_left_out(body: bytes, whole: bool, why: str) -> None:
    """Nothing is kept of a body that is no JSON, broke off or is too large; it says so."""
    kept, clean = cleaned(body, 4096, path=b"/v1beta/auth_tokens", whole=whole)
    assert kept == b""
    assert clean.left_out is not None
    assert why in clean.left_out
    assert clean.needs_digest


def test_a_held_body_that_does_not_decode_is_left_out() -> None:
    """Bytes that are not what their header says may be anything."""
    kept, clean = cleaned(b'{"name":"' + TOKEN + b'"}', 10, path=b"/v1beta/auth_tokens", encoding="gzip")
    assert kept == b""
    assert clean.left_out is not None


def test_what_is_not_encoded_as_it_says_is_left_out() -> None:
    """A server that calls a plain answer gzip gives the key away in clear."""
    kept, clean = cleaned(b"the key " + KEY, 5, encoding="gzip")
    assert kept == b""
    assert clean.left_out is not None


def test_a_secret_of_the_request_is_replaced_in_its_answer() -> None:
    """Headers of an MCP server that an interaction repeats; a media type among them is nobody's secret elsewhere."""
    redacted = head()
    secret = "canary-mcp-0123456789"
    sent = {"tools": [{"headers": {"Authorization": f"Bearer {secret}", "Accept": "application/json"}}]}
    kept, _ = cleaned(json.dumps(sent).encode(), 9, redacted=redacted, is_request=True)
    assert secret.encode() not in kept
    assert b"Bearer [redacted:" in kept
    answer = json.dumps({"text": f"I used {secret} for application/json"}).encode()
    kept, _ = cleaned(answer, 7, redacted=redacted)
    assert secret.encode() not in kept
    assert b"for application/json" in kept


def test_credentials_of_a_request_are_held_and_replaced() -> None:
    """A bearer token, an OAuth client and an environment variable that are handed over to be kept."""
    for value in (
        {"type": "http_bearer", "token": "canary-0123456789"},
        {
            "type": "oauth2",
            "client_secret": "canary-0123456789",
            "refresh_token": "canary-0123456789x",
            "client_id": "c",
        },
        {"type": "environment_variable", "value": "canary-0123456789"},
    ):
        kept, clean = cleaned(json.dumps(value).encode(), 3, path=b"/v1beta/credentials", is_request=True)
        assert b"canary" not in kept
        assert json.loads(kept)["type"] == value["type"]
        assert clean.changed


@pytest.mark.parametrize("size", [1_000, 65_536])
def test_a_bomb_is_kept_as_it_came(size: int) -> None:
    """It is looked through up to the limit of decoding, and nobody decodes it further."""
    bomb = gzip.compress(b"\0" * 2**27)
    kept, clean = cleaned(bomb, size, encoding="gzip")
    assert (kept, clean.left_out, clean.changed) == (bomb, None, False)


def test_a_bomb_that_begins_with_a_credential_is_left_out_from_where_it_bursts() -> None:
    """The credential was replaced in decoded text, and compressed bytes cannot follow it."""
    bomb = gzip.compress(KEY + b"\0" * 2**27)
    kept, clean = cleaned(bomb, 1_000, encoding="gzip")
    assert KEY not in kept
    assert clean.left_out is not None


_PARTS = st.sampled_from(
    [
        KEY.decode(),
        "access-value-0123456789",
        '{"key": "',
        '", "tools": [{"headers": {"x": "',
        '"}}]}',
        '{"api_key":"',
        '"}',
        "{'api_key': '",
        "https://storage.googleapis.com/b/o?X-Goog-Signature=0123456789abcdef0123",
        "http",
        "h",
        " ",
        "\n\n",
    ]
)


@pytest.mark.parametrize("content_type", [b"application/json", b"text/event-stream", b"text/html", b"image/png"])
@pytest.mark.parametrize("is_request", [False, True])
@given(parts=st.lists(_PARTS | st.text(max_size=20), max_size=6))
@settings(max_examples=60)
def test_a_body_known_to_be_whole_is_cleaned_as_any_other(
    content_type: bytes, is_request: bool, parts: list[str]
) -> None:
    """Whether it is known to be whole when it comes makes no difference to what is kept."""
    body = "".join(parts).encode()
    found = []
    for last in (True, False):
        operation = SECRETS["gemini"].of(b"/v1beta/interactions")
        clean = CleanBody(
            head(),
            operation.request if is_request else operation.response,
            encoding=None,
            content_type=content_type,
            is_request=is_request,
        )
        text = clean.add(body, last=last).text + clean.end(whole=True).text
        found.append((text, clean.changed, clean.left_out))
    assert found[0] == found[1]
    assert KEY not in found[0][0]
