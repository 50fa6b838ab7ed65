"""What a request may use, told before it is sent: its model, the tokens of its body and the most that may be answered.

An estimate: what was really used takes its place when the interaction is recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic_core import SchemaValidator, core_schema

from gemtap.encodings import decode

MOST_READ: Final = 32 * 2**20
"""Bytes of a body that is read. A larger one counts by its size."""

BYTES_A_TOKEN: Final = 4
OUTPUT_TOKENS: Final = 4096
"""What is assumed of a request that does not limit its output."""

_MOST_OUTPUT: Final = 10_000_000
_MOST_ANSWERS: Final = 128

_SHORTEST_MEDIA: Final = 4096
"""Bytes of a text that may be media in base64."""
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-"
_MOST_OTHERS: Final = 0.02
"""Share of other characters in base64: line breaks, or what stands before it in a `data:` URL. Text has more spaces."""
_LEAST_MEDIA: Final = 1000
_BYTES_A_MEDIA_TOKEN: Final = 256
"""APIs count images, sound and video by their dimensions and length: about a thousand tokens an image."""

_OUTPUT_NAMES: Final = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens"),
    *("maxOutputTokens", "num_predict"),
)
"""How requests limit their output. The highest of several counts."""

_ANSWERS_NAMES: Final = ("n", "candidateCount")
"""How requests ask for several answers at once."""

_SETTINGS: Final = ("generationConfig", "generation_config", "options", "parameters")
"""Objects in which these stand, unless they stand at the top. Code Assist has all that in `request`."""

_READ: Final = ("model", "request", *_SETTINGS, *_OUTPUT_NAMES, *_ANSWERS_NAMES)
_JSON: Final = SchemaValidator(
    core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(core_schema.any_schema(), required=False) for name in _READ},
        extra_behavior="ignore",
    )
)
"""Reads JSON without making objects of what is not asked for: a third of the time of `json.loads`, for long bodies."""

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
        value = _parse(body) if body else {}
    except (ValueError, RecursionError):
        found = _FORM_MODEL.search(body)
        if found is None:
            return of_size(len(body), has_output=has_output)
        tokens = max(_LEAST_MEDIA, len(body) // _BYTES_A_MEDIA_TOKEN)
        return Estimate(found[1].decode("utf-8", "replace").strip(), True, tokens, OUTPUT_TOKENS if has_output else 0)
    model = value.get("model") if isinstance(value, dict) else None
    output = _output(value) if has_output else 0
    return Estimate(model if isinstance(model, str) else None, True, _tokens(body), output)


def _parse(body: bytes) -> Any:
    """What of a body is read here, or all of it. Raises ValueError or RecursionError if it is no JSON."""
    try:
        return _JSON.validate_json(body)
    except ValueError:
        # A list, another encoding, deep nesting: whatever Python's own parser takes, an API may take.
        return json.loads(body)


def _tokens(body: bytes) -> int:
    text, media = len(body), 0
    for each in _long_texts(body):
        if len(each.translate(None, _BASE64)) < len(each) * _MOST_OTHERS:
            text -= len(each)
            media += max(_LEAST_MEDIA, len(each) // _BYTES_A_MEDIA_TOKEN)
    return -(-text // BYTES_A_TOKEN) + media


def _long_texts(body: bytes) -> Iterator[bytes]:
    """The parts between two quotation marks that may be media."""
    start = 0
    while len(body) - start >= _SHORTEST_MEDIA:
        # The last quotation mark within reach: all parts before it are short. Few steps, each at the speed of memory.
        last = body.rfind(b'"', start, start + _SHORTEST_MEDIA)
        if last < 0:
            last = body.find(b'"', start)
            if last < 0:
                last = len(body)
            yield body[start:last]
        start = last + 1


def _output(value: Any) -> int:
    if not isinstance(value, dict):
        return OUTPUT_TOKENS
    inside = value.get("request")
    tops = (value, inside) if isinstance(inside, dict) else (value,)
    places = [*tops, *(found for top in tops for name in _SETTINGS if isinstance(found := top.get(name), dict))]
    output = max((_number(each[name]) for each in places for name in _OUTPUT_NAMES if name in each), default=0)
    answers = max((_number(each[name]) for each in places for name in _ANSWERS_NAMES if name in each), default=0)
    return min(output or OUTPUT_TOKENS, _MOST_OUTPUT) * min(answers or 1, _MOST_ANSWERS)


def _number(value: Any) -> int:
    """A positive number of a request; 0 if it is none."""
    return int(value) if type(value) in (int, float) and 0 < value < float("inf") else 0
