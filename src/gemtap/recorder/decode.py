"""The first stage of recording: bodies with their content-encoding undone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gemtap.capture.events import RawHeaders
from gemtap.encodings import Decoded, decode, decode_beginning
from gemtap.recorder.captured import Exchange, values_of


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """The bytes of a body."""

    decoded: Decoded
    wire_bytes: int
    """Number of bytes that were kept of it, as they went over the wire."""


@dataclass(frozen=True, slots=True)
class DecodedBodies:
    """Both bodies of an HTTP exchange."""

    request: DecodedBody
    response: DecodedBody


def decode_bodies(exchange: Exchange) -> DecodedBodies:
    """The bodies of an HTTP exchange. The messages of a WebSocket session have no content-encoding to undo."""
    return DecodedBodies(
        request=_decode(
            exchange.request["headers"],
            exchange.request_pieces,
            decoded=exchange.request.get("decoded", False),
            decoded_from=exchange.request_decoded_from,
        ),
        response=_decode(
            exchange.response_headers,
            exchange.response_pieces,
            decoded=exchange.response_is_decoded,
            decoded_from=exchange.response_decoded_from,
        ),
    )


def _decode(
    headers: RawHeaders, pieces: Sequence[tuple[int, bytes]], *, decoded: bool, decoded_from: int = sys.maxsize
) -> DecodedBody:
    """The body that these pieces make up.

    `decoded`: the tap has undone the content-encoding; `decoded_from`: it has done so from this piece on.
    """
    encoding = "" if decoded or decoded_from == 0 else ",".join(values_of(headers, b"content-encoding"))
    if decoded_from < len(pieces):
        beginning, rest = decode_beginning(pieces[:decoded_from], encoding), decode(pieces[decoded_from:], "")
        before = len(beginning.body)
        ends = [*beginning.ends, *((before + end, at) for end, at in rest.ends)]
        body = Decoded(beginning.body + rest.body, ends, beginning.fault)
    else:
        body = decode(pieces, encoding)
    return DecodedBody(body, sum(len(piece) for _, piece in pieces))
