"""Content-encodings undone, whatever the bytes are."""

from __future__ import annotations

import gzip
import itertools
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from gemtap.encodings import ALWAYS_DECODED, MAX_ENCODINGS, decode


def raw_deflate(body: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezer.compress(body) + squeezer.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip in members": ("gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("Deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd in frames": ("zstd", lambda body: zstandard.compress(body[:5]) + zstandard.compress(body[5:])),
    "two, one on the other": ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
    "named, but nothing": ("identity", lambda body: body),
    "none": ("", lambda body: body),
}

TEXT = b"".join(b"data: line %d of a stream\n\n" % n for n in range(200))


@pytest.mark.parametrize("name", ENCODERS)
@given(body=st.binary(max_size=400) | st.just(TEXT), cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_a_body_comes_back_however_it_was_split(name: str, body: bytes, cuts: list[int]) -> None:
    """Decoding does not depend on the division into chunks."""
    encoding, encode = ENCODERS[name]
    encoded = encode(body)
    places = sorted({0, len(encoded), *(cut for cut in cuts if cut < len(encoded))})
    pieces = [(n, encoded[a:b]) for n, (a, b) in enumerate(itertools.pairwise(places))]
    decoded = decode(pieces, encoding)
    assert decoded.body == body
    assert decoded.fault is None


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate", "brotli", "zstd"])
def test_a_torn_stream_gives_what_had_arrived(name: str) -> None:
    """The end is missing: what could be decoded before it is there, and so is the reason."""
    encoding, encode = ENCODERS[name]
    body = bytes(zlib.crc32(n.to_bytes(4, "big")) % 251 for n in range(200_000))  # does not compress well
    encoded = encode(body)
    decoded = decode([(0, encoded[: len(encoded) // 2])], encoding)
    assert decoded.fault == f"the {encoding.lower()} stream ends too early"
    assert body.startswith(decoded.body)
    assert name in ("brotli", "zstd") or len(decoded.body) > len(body) // 4


@pytest.mark.parametrize(("encoding", "magic"), [("gzip", b"\x1f"), ("zstd", b"\x28")])
@given(noise=st.binary(min_size=8, max_size=200))
def test_bytes_that_are_no_such_encoding_stay_as_they_came(encoding: str, magic: bytes, noise: bytes) -> None:
    """Bytes in another encoding stay unchanged."""
    assume(not noise.startswith(magic))
    decoded = decode([(0, noise)], encoding)
    assert decoded.body == noise
    assert decoded.fault is not None


@pytest.mark.parametrize("name", ["deflate", "brotli"])
@given(noise=st.binary(min_size=1, max_size=200))
def test_whatever_the_bytes_are_decoding_ends(name: str, noise: bytes) -> None:
    """These formats have no beginning that tells them: what noise decodes to is theirs."""
    encoding, encode = ENCODERS[name]
    assert decode([(0, encode(noise) + noise)], encoding).body[: len(noise)] == noise


def test_a_broken_stream_gives_what_came_before_the_break() -> None:
    """A broken stream is decoded up to the break."""
    encoded = bytearray(gzip.compress(TEXT * 50, 1))
    encoded[len(encoded) // 2] ^= 0xFF
    decoded = decode([(0, bytes(encoded))], "gzip")
    assert decoded.fault is not None
    assert decoded.fault.startswith("the gzip stream is broken: ")
    assert decoded.body.startswith(TEXT)


def test_an_encoding_that_is_not_known_is_left_alone() -> None:
    """Bodies with unknown encodings stay unchanged."""
    decoded = decode([(0, b"xyz")], "gzip, compress")
    assert decoded.body == b"xyz"
    assert decoded.fault == "content-encoding compress is not known"


@pytest.mark.parametrize("name", ["gzip", "deflate", "brotli", "zstd", "two, one on the other"])
def test_a_bomb_stays_as_it_came(name: str) -> None:
    """Decoding a bomb takes no more memory than the limit allows, give or take a decoder's window."""
    encoding, encode = ENCODERS[name]
    encoded = encode(bytes(48 * 2**20))
    tracemalloc.start()
    try:
        decoded = decode([(0, encoded)], encoding, limit=2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decoded.fault is not None
    assert "stream grows over 1048576 bytes, and so it is kept as it came" in decoded.fault
    assert decoded.body == encoded
    assert decoded.ends == [(len(encoded), 0)]
    assert peak < 24 * 2**20


def test_what_grows_too_much_for_its_size_is_a_bomb() -> None:
    """Above 64 MiB a body may be a hundred times as large as it was sent, whatever the limit."""
    assert decode([(0, zstandard.compress(bytes(ALWAYS_DECODED)))], "zstd").body == bytes(ALWAYS_DECODED)
    bomb = zstandard.compress(bytes(ALWAYS_DECODED + 1))
    assert decode([(0, bomb)], "zstd").body == bomb
    # The same zeros with bytes that do not shrink: this is how a large upload looks.
    upload = random.Random(1).randbytes(2**20) + bytes(ALWAYS_DECODED)
    assert decode([(0, zstandard.compress(upload))], "zstd").body == upload


def test_a_bomb_inside_another_encoding_is_found() -> None:
    """Each of the stacked encodings is bounded, not only the last."""
    bomb = gzip.compress(gzip.compress(gzip.compress(bytes(2 * ALWAYS_DECODED))))
    assert decode([(0, bomb)], "gzip, gzip, gzip").body == bomb


def test_more_encodings_than_anybody_sends_are_left_alone() -> None:
    """Each stacked encoding takes a decoder and a level of the stack: a header may name thousands."""
    body = gzip.compress(TEXT)
    for _ in range(MAX_ENCODINGS):
        body = gzip.compress(body)
    decoded = decode([(0, body)], ",".join(["gzip"] * (MAX_ENCODINGS + 1)))
    assert decoded.body == body
    assert decoded.fault == f"it has {MAX_ENCODINGS + 1} content-encodings, and at most {MAX_ENCODINGS} are undone"
    assert decode([(0, TEXT)], "gzip," * 100_000).body == TEXT


def test_a_deflate_stream_that_brings_nothing_for_long_is_not_read_over_and_over() -> None:
    """It may be of either form until something comes out: the time for that does not grow with its square."""
    nothing = b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * 2_000_000  # stored blocks without content
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = nothing + squeezer.compress(TEXT) + squeezer.flush() + zlib.adler32(TEXT).to_bytes(4, "big")
    assert decode([(0, body)], "deflate").body == TEXT


def test_it_stays_known_when_each_byte_was_here() -> None:
    """A server that streams compresses each chunk so that it can be read at once."""
    squeezer = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)
    pieces = [
        (at, squeezer.compress(text) + squeezer.flush(zlib.Z_SYNC_FLUSH))
        for at, text in [(1_000, b"first, "), (2_000, b"second, "), (3_000, b"third")]
    ]
    pieces.append((4_000, squeezer.flush()))
    decoded = decode(pieces, "gzip")
    assert decoded.body == b"first, second, third"
    assert [decoded.at(offset) for offset in (1, 7, 8, 15, 16, 20)] == [1_000, 1_000, 2_000, 2_000, 3_000, 3_000]
    assert decoded.at(21) is None
