"""A known credential is replaced wherever it stands in a stream, and next to nothing is held back for that."""

from __future__ import annotations

import json
from itertools import pairwise
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from gemtap.tap.scrubbing import Scrubber, scrub

PLACEHOLDER = b"[redacted:0]"

plain = st.text("abAB01-_", min_size=6, max_size=20).map(str.encode)
tricky = st.text('ab/+=%"\\', min_size=6, max_size=12).map(str.encode)
spellings = st.sampled_from([str, lambda text: quote(text, safe=""), lambda text: json.dumps(text)[1:-1]])


def streamed(pieces: list[bytes], found: dict[bytes, bytes], *, whole: bool = True) -> tuple[bytes, Scrubber]:
    scrubber = Scrubber(found)
    return b"".join([*map(scrubber.add, pieces), scrubber.end(whole=whole)]), scrubber


def cut(text: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(at)]


@given(
    st.one_of(plain, tricky), spellings, st.binary(max_size=30), st.binary(max_size=30), st.lists(st.integers(0, 99))
)
def test_in_a_stream_it_is_replaced_wherever_the_stream_is_cut(
    credential: bytes, spelling: object, before: bytes, after: bytes, places: list[int]
) -> None:
    """What is kept of the pieces has no more of the credential than its first three bytes."""
    assert callable(spelling)
    spelt = spelling(credential.decode()).encode()
    found = {credential: PLACEHOLDER}
    kept, scrubber = streamed(cut(before + spelt + after, places), found)
    assert scrubber.changed
    assert spelt not in scrub(kept, {}) or spelt in before + after
    assert PLACEHOLDER in kept
    # A beginning that was given out already stands before the placeholder.
    shown = kept.partition(PLACEHOLDER)[0]
    assert before.startswith(shown[: len(before)]) or credential in before + spelt[:-1]


@given(st.binary(max_size=200), st.lists(st.integers(0, 300)), plain)
def test_what_has_no_credential_passes_as_it_is(text: bytes, places: list[int], credential: bytes) -> None:
    """Whatever the bytes and however they are cut."""
    if credential in text:
        return
    kept, scrubber = streamed(cut(text, places), {credential: PLACEHOLDER})
    assert kept == text
    assert not scrubber.changed


def test_only_what_begins_a_credential_is_held_back() -> None:
    """A stream is not held up for what stands in every text, such as one letter of a key."""
    scrubber = Scrubber({b"AIzaSy-key": PLACEHOLDER})
    assert scrubber.add(b"text A") == b"text A"
    assert scrubber.add(b" more AIz") == b" more AIz"
    assert scrubber.add(b"b") == b"b"
    assert scrubber.add(b"x AIzaS") == b"x "
    assert scrubber.holds
    assert scrubber.add(b"!") == b"AIzaS!"


def test_a_credential_that_began_with_what_was_given_out_is_replaced() -> None:
    """Its first bytes alone tell nothing, and the rest of it does not follow them."""
    scrubber = Scrubber({b"AIzaSy-key": PLACEHOLDER})
    kept = [scrubber.add(piece) for piece in (b"x AI", b"z", b"aSy", b"-k", b"ey!")]
    assert b"".join(kept) == b"x AI" + b"z" + PLACEHOLDER + b"!"


def test_a_torn_stream_keeps_no_first_half() -> None:
    """What broke off amid a credential ends before it."""
    kept, scrubber = streamed([b"the key AIzaSy-"], {b"AIzaSy-key": PLACEHOLDER}, whole=False)
    assert kept == b"the key "
    assert scrubber.changed


def test_what_is_found_meanwhile_is_replaced_from_then_on() -> None:
    """A token that an answer hands out may be repeated in the same answer."""
    found: dict[bytes, bytes] = {}
    scrubber = Scrubber(found)
    assert scrubber.add(b"before ") == b"before "
    found[b"handed-out"] = PLACEHOLDER
    assert scrubber.add(b"handed-out") == PLACEHOLDER
