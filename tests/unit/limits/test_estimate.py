"""What a request may use, by its body."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemtap.limits.clients import client_name
from gemtap.limits.estimate import (
    _READ,
    _SHORTEST_MEDIA,
    MOST_READ,
    OUTPUT_TOKENS,
    Estimate,
    _long_texts,
    _parse,
    of_body,
    of_size,
)
from gemtap.tap.limiting import _NAMING as NAMING


@pytest.mark.parametrize(
    ("body", "model", "output"),
    [
        ({"model": "gpt-5", "max_completion_tokens": 100, "n": 3}, "gpt-5", 300),
        ({"model": "gpt-5", "max_output_tokens": 100}, "gpt-5", 100),
        ({"model": "claude-sonnet-4-5", "max_tokens": 32_000}, "claude-sonnet-4-5", 32_000),
        ({"generationConfig": {"maxOutputTokens": 7, "candidateCount": 2}}, None, 14),
        ({"model": "gemini-2.5-pro", "request": {"generationConfig": {"maxOutputTokens": 9}}}, "gemini-2.5-pro", 9),
        ({"model": "llama3", "options": {"num_predict": 20}}, "llama3", 20),
        ({"model": "llama3", "options": {"num_predict": -1}}, "llama3", OUTPUT_TOKENS),
        ({"model": {"of": "mine"}, "max_tokens": "9", "n": True}, None, OUTPUT_TOKENS),
        ({"max_tokens": 10**30, "n": 10**30}, None, 1_280_000_000),
        ([], None, OUTPUT_TOKENS),
    ],
)
def test_model_and_output_as_requests_have_them(body: Any, model: str | None, output: int) -> None:
    """Each API has a name of its own for the most that may be answered."""
    raw = json.dumps(body).encode()
    assert of_body(raw, "") == Estimate(model, True, -(-len(raw) // 4), output)
    assert of_body(raw, "", has_output=False).output_tokens == 0
    assert of_body(gzip.compress(raw), "gzip") == of_body(raw, "")


def test_bodies_that_are_not_read() -> None:
    """A form names its model; anything else may be for any, and counts by its size, or as large if it hides that."""
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n'
    assert of_body(form, "")[:2] == ("whisper-1", True)
    assert of_body(b"", "") == Estimate(None, True, 0, OUTPUT_TOKENS)
    assert of_body(b"not json", "") == of_size(8) == Estimate(None, False, 2, OUTPUT_TOKENS)
    assert of_body(b'{"model": "x"}', "unheard-of") == of_size(MOST_READ)
    assert of_body(b"[" * 200_000, "").is_read is False


def test_media_count_by_their_size_and_not_as_text() -> None:
    """An image of 400 kB is about a thousand tokens, and not a hundred thousand."""
    body = json.dumps({"data": "QUJD" * 100_000, "text": "word " * 1000}).encode()
    assert 1000 + 400_000 // 256 <= of_body(body, "").input_tokens < 3000


@given(st.lists(st.integers(0, 3 * _SHORTEST_MEDIA), max_size=8))
def test_long_texts_are_found_wherever_they_begin(sizes: list[int]) -> None:
    """Skipping over short ones misses none."""
    body = b'"'.join(b"x" * size for size in sizes)
    assert list(_long_texts(body)) == [each for each in body.split(b'"') if len(each) >= _SHORTEST_MEDIA]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*_READ, "contents")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from(["utf-8", "utf-16"]))
@example({"model": "x", "request": json.loads("[" * 300 + "]" * 300)}, "utf-8")
def test_what_is_read_is_read_as_python_reads_it(value: Any, encoding: str) -> None:
    """The fast parser leaves out what nobody asks for, and changes nothing else."""
    text = json.dumps(value, ensure_ascii=False)
    expected = json.loads(text)
    if isinstance(expected, dict):
        expected = {name: expected[name] for name in expected if name in _READ}
    found = _parse(text.encode(encoding))
    if isinstance(found, dict):
        found = {name: found[name] for name in found if name in _READ}
    assert repr(sorted(found.items()) if isinstance(found, dict) else found) == repr(
        sorted(expected.items()) if isinstance(expected, dict) else expected
    )


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "br", "zstd, gzip", "x"]))
def test_whatever_arrives_has_an_estimate(body: bytes, encoding: str) -> None:
    """Nothing that a client sends raises anything."""
    found = of_body(body, encoding)
    assert found.input_tokens >= 0
    assert found.output_tokens > 0


class Watching(dict[str, str]):
    """Headers that note which of them are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return "1.0" if key.endswith("version") else {"x-title": "Cline", "x-stainless-lang": "js"}.get(key, default)


def test_a_client_is_known_by_the_headers_that_the_tap_hands_on() -> None:
    """A header that tells clients apart and is not handed on would make another name here than in the document."""
    headers = Watching()
    assert client_name(headers) == "Cline"
    assert headers.read <= {name.decode() for name in NAMING}
    assert client_name({"user-agent": "aider/0.86.1"}) == "aider"
