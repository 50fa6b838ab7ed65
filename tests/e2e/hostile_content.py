"""Content that is small to send, but large or slow to decode, parse or display."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import brotli
import zstandard

MIB = 2**20
GIB = 2**30

JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream"}


@dataclass(frozen=True)
class Hostile:
    """A request and its response, and what the document must say about them."""

    request: bytes = b'{"contents":[{"role":"user","parts":[{"text":"Hello."}]}]}'
    request_headers: dict[str, str] = field(default_factory=lambda: JSON)
    answer: bytes = b'{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello."}]},"finishReason":"STOP"}]}'
    answer_headers: dict[str, str] = field(default_factory=lambda: JSON)
    incomplete: str | None = None
    """The expected `body_incomplete` of the response or the request."""
    shown: str | None = None
    """Text that the page must show."""


def said(text: str) -> bytes:
    """A response with this text."""
    return json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}).encode()


def fenced(language: str, code: str) -> bytes:
    return said(f"```{language}\n{code}\n```")


def gzip_bomb(size: int) -> bytes:
    """A gzip bomb of equal 16 MiB members, so that only one has to be compressed."""
    return gzip.compress(bytes(16 * MIB)) * (size // (16 * MIB))


def deflate_bomb(size: int) -> bytes:
    squeezer = zlib.compressobj()
    squeezer.compress(b"")
    first = squeezer.compress(bytes(16 * MIB)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    again = squeezer.compress(bytes(16 * MIB)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (size // (16 * MIB) - 1)


def zstd_bomb(size: int) -> bytes:
    squeezer = zstandard.ZstdCompressor().compressobj()
    piece = bytes(16 * MIB)
    return b"".join(squeezer.compress(piece) for _ in range(size // len(piece))) + squeezer.flush()


def brotli_bomb(size: int) -> bytes:
    squeezer = brotli.Compressor(quality=1)
    piece = bytes(16 * MIB)
    return b"".join(squeezer.process(piece) for _ in range(size // len(piece))) + bytes(squeezer.finish())


def encoded(name: str) -> dict[str, str]:
    return {**JSON, "content-encoding": name}


def calls_and_results(count: int) -> bytes:
    """Calls with one name and their results, for which pairing each with each takes quadratic time."""
    calls = [{"functionCall": {"name": "f", "args": {}}} for _ in range(count)]
    results = [{"functionResponse": {"name": "f", "response": {}}} for _ in range(count)]
    return json.dumps({"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}).encode()


def noise(seed: int, size: int) -> str:
    """Lines of text that share none with those of another seed."""
    source = random.Random(seed)
    return "\n".join(f"{source.getrandbits(160):x}" for _ in range(size // 41))


def asked(text: str) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}]}).encode()


GROWS = "and so it is kept as it came"
TOO_MANY = "objects and arrays"

CONTENT: dict[str, Callable[[], Hostile]] = {
    "gzip bomb": lambda: Hostile(answer=gzip_bomb(GIB), answer_headers=encoded("gzip"), incomplete=GROWS),
    "deflate bomb": lambda: Hostile(answer=deflate_bomb(GIB), answer_headers=encoded("deflate"), incomplete=GROWS),
    "brotli bomb": lambda: Hostile(answer=brotli_bomb(GIB), answer_headers=encoded("br"), incomplete=GROWS),
    "zstd bomb": lambda: Hostile(answer=zstd_bomb(GIB), answer_headers=encoded("zstd"), incomplete=GROWS),
    "bomb in a request": lambda: Hostile(zstd_bomb(GIB), encoded("zstd"), incomplete=GROWS),
    "bomb in a bomb": lambda: Hostile(
        answer=gzip.compress(gzip_bomb(GIB)), answer_headers=encoded("gzip, gzip"), incomplete=GROWS
    ),
    "the largest body that is unpacked": lambda: Hostile(answer=zstd_bomb(64 * MIB), answer_headers=encoded("zstd")),
    "nested arrays": lambda: Hostile(answer=b"[" * 5_000_000, incomplete=TOO_MANY),
    "nested as deep as is read": lambda: Hostile(asked("[" * 400 + "]" * 400), answer=b"[" * 499 + b"]" * 499),
    "many arrays": lambda: Hostile(answer=b"[" + b"[]," * 4_000_000 + b"0]", incomplete=TOO_MANY),
    "as many objects as are read": lambda: Hostile(b'{"a":[' + b'{"b":0},' * 200_000 + b"{}]}"),
    "many numbers": lambda: Hostile(answer=b"[" + b"0.5," * 1_000_000 + b"0]"),
    "an integer of ten million digits": lambda: Hostile(answer=b"9" * 10_000_000, incomplete="integers over 64 bits"),
    "many integers of 4,300 digits": lambda: Hostile(
        answer=b"[" + (b"9" * 4_300 + b",") * 1_000 + b"0]", incomplete="integers over 64 bits"
    ),
    "lone surrogates": lambda: Hostile(said("x").replace(b"x", b"\\ud800" * 500_000), incomplete="lone surrogates"),
    "NULs": lambda: Hostile(bytes(16 * MIB), {"content-type": "text/plain"}),
    "one long line": lambda: Hostile(asked("word " * 1_000_000)),
    "a stream of many small events": lambda: Hostile(
        answer=b'data: {"candidates":[{"content":{"parts":[{"text":"ab "}]}}]}\r\n\r\n' * 30_000, answer_headers=STREAM
    ),
    "many parts": lambda: Hostile(
        b'{"contents":[{"role":"user","parts":[' + b'{"text":"*a*"},' * 100_000 + b'{"text":"b"}]}]}'
    ),
    "many calls and results": lambda: Hostile(calls_and_results(1_500)),
    "code for the lexer of autoit": lambda: Hostile(
        answer=fenced("autoit", " " * 11_900), shown="Shown without formatting"
    ),
    "code for several lexers": lambda: Hostile(
        answer=said(
            "\n".join(
                f"```{language}\n{text}\n```"
                for language, text in [
                    ("arduino", "\n" * 2_900),
                    ("agda", " \n" * 1_400),
                    ("applescript", '"\\' * 1_400),
                    ("ng2", "(" * 2_900),
                ]
            )
        )
    ),
    "nested images in Markdown": lambda: Hostile(answer=said("![" * 5_900)),
    "unclosed emphasis": lambda: Hostile(answer=said("*a **a " * 1_700)),
    "nested quotes and lists": lambda: Hostile(answer=said("> - " * 2_900)),
    "definitions of links": lambda: Hostile(answer=said("[a]: <b\n" * 1_400)),
    "a text of 3 MB": lambda: Hostile(asked(noise(1, 3_000_000))),
    "another text of 3 MB": lambda: Hostile(asked(noise(2, 3_000_000))),
    "few distinct lines": lambda: Hostile(asked("a\nb\nc\n" * 3_000)),
    "the same lines in another order": lambda: Hostile(asked("c\na\nb\nb\n" * 2_200)),
}
