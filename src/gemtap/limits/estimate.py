"""What a request may use, told before it is sent: its model, the tokens of its body and the most that may be answered.

An estimate: what was really used takes its place when the interaction is recorded.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from gemtap.encodings import decode

MOST_READ: Final = 32 * 2**20
"""Bytes of a body that is read. Of a larger one only the size counts."""

BYTES_A_TOKEN: Final = 4
OUTPUT_TOKENS: Final = 4096
"""What is assumed of a request that does not limit its output."""

_MOST_OUTPUT: Final = 10_000_000
_MOST_ANSWERS: Final = 128

_MEDIA: Final = re.compile(rb"[A-Za-z0-9+/_=-]{4096,}")
"""Media in base64. No text has a word of that length."""
_LEAST_MEDIA: Final = 1000
_BYTES_A_MEDIA_TOKEN: Final = 256
"""APIs count images, sound and video by their dimensions and length: about a thousand tokens an image."""

_OUTPUT: Final = (
    ("max_tokens",),
    ("max_completion_tokens",),
    ("max_output_tokens",),
    ("generationConfig", "maxOutputTokens"),
    ("generation_config", "max_output_tokens"),
    ("request", "generationConfig", "maxOutputTokens"),
    ("parameters", "maxOutputTokens"),
    ("options", "num_predict"),
)
"""Where requests limit their output. Of several the highest counts."""

_ANSWERS: Final = (
    ("n",),
    ("generationConfig", "candidateCount"),
    ("request", "generationConfig", "candidateCount"),
)
"""Where requests ask for several answers at once."""

_FORM_MODEL: Final = re.compile(rb'name="?model"?\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]{1,200})', re.IGNORECASE)
"""The field of a multipart form, as audio is sent in: RFC 7578."""


class Estimate(NamedTuple):
    """What a request may use."""

    model: str | None
    """As the body names it; None if it does not."""
    is_read: bool
    """Whether the body could be read. One that could not may name any model."""
    input_tokens: int
    output_tokens: int


def of_size(size: int, *, has_output: bool = True) -> Estimate:
    """The estimate of a body that is not read."""
    return Estimate(None, False, -(-size // BYTES_A_TOKEN), OUTPUT_TOKENS if has_output else 0)


def of_body(body: bytes, encoding: str, *, has_output: bool = True) -> Estimate:
    """The estimate of a body with this `content-encoding`. `has_output`: the operation is answered in tokens."""
    if encoding:
        decoded = decode([(0, body)], encoding, limit=MOST_READ)
        if decoded.fault is not None:
            # Whatever it is unpacked to: it is no small request.
            return of_size(MOST_READ, has_output=has_output)
        body = decoded.body
    try:
        value = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        found = _FORM_MODEL.search(body)
        if found is None:
            return of_size(len(body), has_output=has_output)
        tokens = max(_LEAST_MEDIA, len(body) // _BYTES_A_MEDIA_TOKEN)
        return Estimate(found[1].decode("utf-8", "replace").strip(), True, tokens, OUTPUT_TOKENS if has_output else 0)
    model = value.get("model") if isinstance(value, dict) else None
    output = _output(value) if has_output else 0
    return Estimate(model if isinstance(model, str) else None, True, _tokens(body), output)


def _tokens(body: bytes) -> int:
    text, media = len(body), 0
    if text >= _LEAST_MEDIA * BYTES_A_TOKEN:
        for found in _MEDIA.finditer(body):
            size = found.end() - found.start()
            text -= size
            media += max(_LEAST_MEDIA, size // _BYTES_A_MEDIA_TOKEN)
    return -(-text // BYTES_A_TOKEN) + media


def _output(value: Any) -> int:
    given = [found for place in _OUTPUT if (found := _number(value, place)) is not None]
    answers = max((found for place in _ANSWERS if (found := _number(value, place)) is not None), default=1)
    return min(max(given, default=OUTPUT_TOKENS), _MOST_OUTPUT) * min(answers, _MOST_ANSWERS)


def _number(value: Any, place: tuple[str, ...]) -> int | None:
    """A positive number at a place in a request; None if there is none."""
    for name in place:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return int(value) if type(value) in (int, float) and 0 < value < float("inf") else None
