"""Content-encodings undone, piece by piece, so that it stays known when each decoded byte was here."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

import brotli
import zstandard

DEFAULT_LIMIT: Final = 2**29
"""Decoded bytes of the largest body that is decoded."""

ALWAYS_DECODED: Final = 2**26
"""Decoded bytes up to which no ratio is too high: a log that repeats one line may shrink to a thousandth."""

MAX_RATIO: Final = 100
"""Decoded bytes for each encoded one, above `ALWAYS_DECODED`. JSON, code and text shrink to a third or a thirtieth."""

MAX_ENCODINGS: Final = 5
"""Content-encodings on top of each other. Servers send one, and curl takes as many as this."""

_SLICE: Final = 256
"""Encoded bytes that a decoder is given at once: it bounds what one step can make of them (8 MiB, with zstd)."""

_UNDECIDED: Final = 2**12
"""Encoded bytes after which a deflate stream that has brought nothing yet counts as what it began as."""

_FINE_STEPS: Final = 4096
"""A step that fails loses all that it would have brought. A broken body is decoded again in so many steps."""

_BROTLI_OUTPUT: Final = 2**16


class _Broken(Exception):
    """The bytes are not what the encoding says. The message says how."""


class _TooLarge(Exception):
    """A small body unpacks to a large one. The message says to how much."""


class _Decoder(Protocol):
    """One content-encoding."""

    @property
    def finished(self) -> bool:
        """Whether the encoded stream has come to its own end, so that nothing is missing."""
        ...

    def feed(self, encoded: bytes) -> Iterator[bytes]:
        """What the bytes add. Raises _Broken."""
        ...


class _Gzip:
    """gzip of any number of members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS + 16)

    @property
    def finished(self) -> bool:
        return self._member.eof

    def feed(self, encoded: bytes) -> Iterator[bytes]:
        while encoded:
            if self._member.eof:
                self._member = zlib.decompressobj(zlib.MAX_WBITS + 16)
            yield _inflate(self._member, encoded)
            encoded = self._member.unused_data


class _Deflate:
    """deflate in the zlib wrapper that RFC 9110 wants around it, or bare, as some servers send it."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj()
        self._undecided: bytes | None = b""
        """What was fed before anything came out: until then it may be the other form."""

    @property
    def finished(self) -> bool:
        return self._inner.eof

    def feed(self, encoded: bytes) -> Iterator[bytes]:
        if self._inner.eof:
            raise _Broken("bytes follow its end")
        if self._undecided is None:
            yield _inflate(self._inner, encoded)
            return
        self._undecided += encoded
        try:
            decoded = _inflate(self._inner, encoded)
        except _Broken:
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
            decoded = _inflate(self._inner, self._undecided)
            self._undecided = None
        if self._undecided is not None and len(self._undecided) > _UNDECIDED:
            self._undecided = None
        if decoded:
            self._undecided = None
            yield decoded


def _inflate(inner: zlib._Decompress, encoded: bytes) -> bytes:
    try:
        return inner.decompress(encoded)
    except zlib.error as exc:
        raise _Broken(str(exc)) from exc


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self._inner.is_finished())

    def feed(self, encoded: bytes) -> Iterator[bytes]:
        while True:
            try:
                decoded: bytes = self._inner.process(encoded, output_buffer_limit=_BROTLI_OUTPUT)
            except brotli.error as exc:
                raise _Broken(str(exc)) from exc
            encoded = b""
            if not decoded:
                return
            yield decoded


class _Zstd:
    """zstd of any number of frames."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()

    @property
    def finished(self) -> bool:
        return self._inner.eof

    def feed(self, encoded: bytes) -> Iterator[bytes]:
        while encoded:
            if self._inner.eof:
                self._inner = zstandard.ZstdDecompressor().decompressobj()
            try:
                yield self._inner.decompress(encoded)
            except zstandard.ZstdError as exc:
                raise _Broken(str(exc)) from exc
            encoded = self._inner.unused_data


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body with its content-encodings undone."""

    body: bytes
    ends: list[tuple[int, int]]
    """For each piece that came: the offset in `body` up to which it brought it, and when, in microseconds."""
    fault: str | None = None
    """Why `body` is not the whole of it, or not decoded at all."""

    def at(self, offset: int) -> int | None:
        """When the body was here up to the offset, in microseconds."""
        return next((at for end, at in self.ends if end >= offset), None)


def decode(pieces: Sequence[tuple[int, bytes]], encoding: str, *, limit: int = DEFAULT_LIMIT) -> Decoded:
    """The decoded body of `(microseconds, bytes)` pieces under a `content-encoding` header (RFC 9110, section 8.4).

    A broken or torn stream gives what could be decoded before. The bytes stay as they came where nothing could be,
    where an encoding is unknown, and where they would grow over `limit` bytes, or over both `ALWAYS_DECODED` and
    `MAX_RATIO` times their size: such a body is a bomb, and its beginning is worth no memory.
    """
    # Encodings are listed in the order in which they were applied.
    names = [name for part in reversed(encoding.lower().split(",")) if (name := part.strip()) not in ("", "identity")]
    unknown = [name for name in names if name not in _DECODERS]
    if unknown:
        return _as_it_came(pieces, f"content-encoding {unknown[0][:100]} is not known")
    if len(names) > MAX_ENCODINGS:
        return _as_it_came(pieces, f"it has {len(names)} content-encodings, and at most {MAX_ENCODINGS} are undone")
    size = sum(len(piece) for _, piece in pieces)
    if not names or not size:
        return _as_it_came(pieces, None)
    limit = min(limit, max(ALWAYS_DECODED, MAX_RATIO * size))
    try:
        decoded, broken = _run(names, pieces, limit, _SLICE)
        if broken:
            decoded, _ = _run(names, pieces, limit, min(max(size // _FINE_STEPS, 1), _SLICE))
    except _TooLarge as exc:
        return _as_it_came(pieces, f"{exc}, and so it is kept as it came")
    return decoded if decoded.body or decoded.fault is None else _as_it_came(pieces, decoded.fault)


def _run(names: Sequence[str], pieces: Sequence[tuple[int, bytes]], limit: int, step: int) -> tuple[Decoded, bool]:
    """The pieces through a chain of decoders, and whether one of these has failed."""
    stages = [_Stage(name, limit, step) for name in names]
    decoded: list[bytes] = []
    ends: list[tuple[int, int]] = []
    end = 0
    fault = None
    for at, piece in pieces:
        run: Iterable[bytes] = [piece]
        for stage in stages:
            run = stage.decode(run)
        try:
            for each in run:
                decoded.append(each)
                end += len(each)
        except _Broken as exc:
            fault = str(exc)
        ends.append((end, at))
        if fault is not None:
            return Decoded(b"".join(decoded), ends, fault), True
    torn = next((stage.name for stage in stages if not stage.finished), None)
    return Decoded(b"".join(decoded), ends, f"the {torn} stream ends too early" if torn else None), False


def _as_it_came(pieces: Sequence[tuple[int, bytes]], fault: str | None) -> Decoded:
    ends = accumulate(len(piece) for _, piece in pieces)
    return Decoded(
        b"".join(piece for _, piece in pieces),
        [(end, at) for end, (at, _) in zip(ends, pieces, strict=True)],
        fault,
    )


class _Stage:
    """One decoder in the chain, and how much it may still bring."""

    def __init__(self, name: str, limit: int, step: int) -> None:
        self.name = name
        self._decoder = _DECODERS[name]()
        self._step = step
        self._limit = limit
        self._room = limit

    @property
    def finished(self) -> bool:
        return self._decoder.finished

    def decode(self, encoded: Iterable[bytes]) -> Iterator[bytes]:
        for run in encoded:
            for start in range(0, len(run), self._step):
                try:
                    for decoded in self._decoder.feed(run[start : start + self._step]):
                        self._room -= len(decoded)
                        if self._room < 0:
                            raise _TooLarge(f"the {self.name} stream grows over {self._limit} bytes")
                        yield decoded
                except _Broken as exc:
                    raise _Broken(f"the {self.name} stream is broken: {exc}") from exc


class CannotDecode(Exception):
    """The bytes are not what the encoding says, or a bomb. The message says how."""


class DecodesTooLarge(CannotDecode):
    """The body is a decompression bomb."""


class StreamDecoder:
    """Content-encodings undone while the body passes."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` in the order in which they are undone, see `undoable`."""
        self._stages = [_Stage(name, DEFAULT_LIMIT, _SLICE) for name in names]
        self._encoded = 0
        self._decoded = 0

    @property
    def finished(self) -> bool:
        """Whether the encoded body has come to its own end."""
        return all(stage.finished for stage in self._stages)

    def add(self, piece: bytes) -> bytes:
        """The decoded bytes that the piece adds. Raises CannotDecode, and DecodesTooLarge for a bomb."""
        self._encoded += len(piece)
        run: Iterable[bytes] = [piece]
        for stage in self._stages:
            run = stage.decode(run)
        decoded = []
        try:
            for each in run:
                decoded.append(each)
                self._decoded += len(each)
                if self._decoded > max(ALWAYS_DECODED, MAX_RATIO * self._encoded):
                    raise DecodesTooLarge(f"it unpacks to more than {MAX_RATIO} times its size")
        except _TooLarge as exc:
            raise DecodesTooLarge(str(exc)) from exc
        except _Broken as exc:
            raise CannotDecode(str(exc)) from exc
        return b"".join(decoded)


def decode_beginning(pieces: Sequence[tuple[int, bytes]], encoding: str) -> Decoded:
    """What `StreamDecoder` has made of the first pieces of a body, of which it could decode more."""
    decoder = StreamDecoder(undoable(encoding))
    decoded: list[bytes] = []
    ends: list[tuple[int, int]] = []
    end = 0
    for at, piece in pieces:
        try:
            decoded.append(decoder.add(piece))
        except CannotDecode as exc:
            return Decoded(b"".join(decoded), ends, str(exc))
        end += len(decoded[-1])
        ends.append((end, at))
    return Decoded(b"".join(decoded), ends)


def undoable(encoding: str) -> list[str]:
    """The encodings of a `content-encoding` header in the order in which `StreamDecoder` undoes them.

    None where one is unknown: nobody can tell what such bytes are.
    """
    names = [name for part in reversed(encoding.lower().split(",")) if (name := part.strip()) not in ("", "identity")]
    known = len(names) <= MAX_ENCODINGS and all(name in _DECODERS for name in names)
    return names if known else []
