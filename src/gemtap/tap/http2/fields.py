"""The head of a request and of an answer in HTTP/2, and in HTTP/1.1 as the rest of the tap has it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from gemtap.capture.events import RawHeaders

_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_NOT_IN_A_VALUE: Final = re.compile(rb"[\x00\r\n]")
_GRPC: Final = re.compile(rb"application/grpc(?:[+;\s]|$)", re.IGNORECASE)


class BadRequest(ValueError):
    """A request that cannot be forwarded. The text says why, and quotes nothing."""


class RequestFields(NamedTuple):
    """The head of a request."""

    method: str
    path: bytes
    query: bytes
    headers: RawHeaders
    """With a `host` for `:authority`."""


def read_request(fields: Iterable[tuple[bytes, bytes]]) -> RequestFields:
    """The head of a request from its fields, which h2 has looked at. Raises BadRequest.

    What h2 lets pass, but would mean something else in HTTP/1.1, is refused: lengths that disagree, odd methods.
    """
    pseudo: dict[bytes, bytes] = {}
    headers: RawHeaders = []
    for name, value in fields:
        if name.startswith(b":"):
            pseudo[name] = value
        elif not _NAME.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            raise BadRequest("a header's name or value has characters that do not belong there")
        elif name != b"host":
            headers.append((name, value))
    lengths = [value for name, value in headers if name == b"content-length"]
    if len(lengths) > 1 or any(not value.isdigit() for value in lengths):
        raise BadRequest("Content-Length is no number, or there are several")
    method, target = pseudo[b":method"], pseudo.get(b":path", b"")
    if not _METHOD.fullmatch(method) or method == b"CONNECT" or not target.startswith(b"/"):
        raise BadRequest("its method or its path cannot be forwarded")
    authority = pseudo.get(b":authority") or next((value for name, value in fields if name == b"host"), b"")
    path, _, query = target.partition(b"#")[0].partition(b"?")
    return RequestFields(method.decode("ascii"), path, query, [(b"host", authority), *headers])


def to_fields(status: int, headers: RawHeaders) -> RawHeaders:
    """The fields of an answer. Raises ValueError if a header would not stay one.

    Names that HTTP/2 does not allow are left out: a client would reject the whole answer.
    """
    if any(_NOT_IN_A_VALUE.search(value) for _, value in headers):
        raise ValueError("a line break in a header")
    return [(b":status", b"%d" % status), *[header for header in headers if _NAME.fullmatch(header[0])]]


def is_grpc(headers: RawHeaders) -> bool:
    """Whether a request is one of gRPC, which HTTP/1.1 cannot carry: its status comes after the body."""
    return any(name == b"content-type" and _GRPC.match(value) for name, value in headers)


NO_GRPC: Final[RawHeaders] = [
    (b":status", b"200"),
    (b"content-type", b"application/grpc"),
    (b"grpc-status", b"12"),
    (
        b"grpc-message",
        b"Gemtap does not forward gRPC. Use the REST transport of the client, or add the host to NO_PROXY.",
    ),
]
"""An answer that says so to a gRPC client (12 is UNIMPLEMENTED)."""
