"""Bytes of bodies of which a file has only the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemtap.importers.texts import WRONG_CHARSET, Encoded, encoded
from tests.unit.importers.imported import single_bytes

STREAM = "text/event-stream"


@given(st.text())
def test_text_that_was_decoded_right_gives_its_bytes_back(text: str) -> None:
    """Whatever the text is, if it is no event stream."""
    assert encoded(text, "application/json") == Encoded(text.encode())


@given(st.binary())
def test_bytes_that_were_decoded_with_surrogates_come_back(content: bytes) -> None:
    """All of them, UTF-8 or not."""
    assert encoded(content.decode("utf-8", "surrogateescape"), "application/json") == Encoded(content)


@given(st.text(), st.sampled_from(["latin-1", "windows-1252"]), st.integers(0, 3))
def test_an_event_stream_decoded_as_single_bytes_comes_back(text: str, charset: str, lost: int) -> None:
    """Also if it was broken off within a character."""
    content = ("data: 東京 " + text).encode()
    content = content[: len(content) - lost]
    assert encoded(single_bytes(content, charset), STREAM) == Encoded(content)


@pytest.mark.parametrize("text", ["Zürich", "größer – 東京 🙂", "SÃO PAULO", "naïve “quotes”", "é"])
def test_an_event_stream_that_is_right_stays_as_it_is(text: str) -> None:
    """Its text does not become UTF-8 again."""
    assert encoded(text, STREAM) == Encoded(text.encode())


def test_a_declared_charset_was_used() -> None:
    """Somebody may talk about texts with a wrong charset."""
    assert encoded("Ã¼ is ü", f"{STREAM}; charset=UTF-8") == Encoded("Ã¼ is ü".encode())


def test_what_cannot_be_proved_is_named() -> None:
    """A stream with texts of both kinds."""
    assert encoded("Ã¼ is 東京", STREAM) == Encoded("Ã¼ is 東京".encode(), WRONG_CHARSET)


def test_the_size_tells_which_charset_it_was() -> None:
    """mitmproxy writes uploads of several parts as Latin-1, and says how many bytes they had."""
    content = bytes(range(256))
    assert encoded(content.decode("latin-1"), "multipart/related; boundary=x", 256) == Encoded(content)
    assert encoded("é", "text/plain", 1) == Encoded("é".encode()), "the size may be the number of characters"
    assert encoded("é", "text/plain", 2) == Encoded("é".encode())
    assert encoded("“é”", "text/html; charset=windows-1252", 3) == Encoded(b"\x93\xe9\x94")
