"""Signatures in URLs of bodies are replaced, however the body is cut into pieces and whatever the URL stands in."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.tap.signed_urls import UrlCleaner, clean_urls

SIGNATURE = "4f0c9canary0123456789abcdef0123456789"
BASE64 = "canary0123456789%2Bab%2Fcdefghijk0123456789Q%3D%3D"
GOOGLE = "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=900"
CANARY = re.compile(rb"canary")


def taken(secret: bytes) -> bytes:
    assert CANARY.search(secret)
    return b"[redacted:8f2a11c0beef]"


URLS = [
    f"{GOOGLE}&X-Goog-Signature={SIGNATURE}",
    f"{GOOGLE}&X-Goog-Signature={SIGNATURE}&X-Goog-SignedHeaders=host",
    f"https://storage.googleapis.com/b/o?GoogleAccessId=a%40b&Expires=1&Signature={BASE64}",
    f"https://b.s3.amazonaws.com/o?X-Amz-Security-Token={BASE64}&X-Amz-Signature={SIGNATURE}",
    f"https://a.blob.core.windows.net/c/o?sv=2026-01-01&sig={BASE64}&se=2026",
    f"http://127.0.0.1:1/upload/v1beta/files?upload_id={SIGNATURE}&upload_protocol=resumable",
    f"https://accounts.example/?continue=https%3A%2F%2Fx.test%2Fo%3FX-Goog-Signature%3D{SIGNATURE}%26a%3D1",
]


def texts() -> list[bytes]:
    """The URLs in JSON, in JSON with the escapes that Google writes, within a text, in HTML and in an event."""
    found = []
    for url in URLS:
        plain = json.dumps({"fileUri": url, "b": [1, "x"]})
        found += [
            plain,
            plain.replace("&", r"\u0026").replace("=", r"\u003d"),
            plain.replace("/", r"\/"),
            json.dumps({"text": f"Look at {url}\nand (see {url})."}),
            f'<A HREF="{url.replace("&", "&amp;")}">here</A>',
            f"data: {plain}\r\n\r\n",
            url,
        ]
    return [text.encode() for text in found]


@pytest.mark.parametrize("text", texts())
def test_a_signature_is_replaced(text: bytes) -> None:
    """What stands around it stays; the body is what it was but for the placeholder."""
    clean = clean_urls(text, taken)
    assert not CANARY.search(clean)
    assert clean.startswith(text[: text.index(b"canary") - 40])
    assert clean[-2:] in (text[-2:], b"f]")


@given(text=st.sampled_from(texts()), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), twice=st.booleans())
def test_a_signature_in_pieces_is_replaced(text: bytes, sizes: list[int], twice: bool) -> None:
    """However the body is cut, what is kept is the same as where it comes whole."""
    body = text + b" " + text if twice else text
    cleaner = UrlCleaner(taken)
    kept, at, number = b"", 0, 0
    while at < len(body):
        size = sizes[number % len(sizes)]
        kept += cleaner.add(body[at : at + size])
        assert not CANARY.search(kept)
        at, number = at + size, number + 1
    kept += cleaner.end(whole=True)
    assert kept == clean_urls(body, taken)
    assert cleaner.changed
    assert not cleaner.holds


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"thoughtSignature": "CsEBAVSoXO0123456789abcdefghijklmnop"}',
        b'https://x.test/?X-Goog-Signature=" + signature_of(url)',
        b"https://x.test/?X-Goog-Signature=${signature}&a=1",
        b"https://x.test/?sig=a_word_for_the_signature",
        b"https://x.test/?sig=0123456789",
        b"https://x.test/?design=0123456789abcdef0123456789",
        b"https://x.test/?sig=[redacted:8f2a11c0beef]&a=1",
        b"sig=0123456789abcdef0123456789",
        b"h" * 40_000 + b"http" * 20_000,
    ],
)
def test_other_texts_stay(text: bytes) -> None:
    """Code that makes a URL, a short value and a name that only ends like one are no signatures."""
    assert clean_urls(text, taken) == text
    cleaner = UrlCleaner(taken)
    pieces = [cleaner.add(text[at : at + 1000]) for at in range(0, len(text), 1000)]
    assert b"".join([*pieces, cleaner.end(whole=True)]) == text
    assert not cleaner.changed


def test_a_signature_that_breaks_off_is_left_out() -> None:
    """Part of one may be all of it."""
    for whole in (False, True):
        cleaner = UrlCleaner(taken)
        head = cleaner.add(f"{GOOGLE}&X-Goog-Signature={SIGNATURE[:30]}".encode())
        assert head.endswith(b"X-Goog-Signature=")
        assert cleaner.holds
        rest = cleaner.end(whole=whole)
        assert rest == (b"[redacted:8f2a11c0beef]" if whole else b"")
        assert cleaner.changed
