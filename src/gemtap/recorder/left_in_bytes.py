"""Values of requests that a worker does not send to the desk, since parsing their bytes gives them again.

A request holds a whole conversation. Sending its value beside its bytes takes a tenth of the time of recording it, and
several times the memory of the bytes. A store that keeps only the bytes does without.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Final

from gemtap.body import parse_body
from gemtap.interaction import Interaction
from gemtap.stores.base import Record


class _Mark(Enum):
    LEFT_IN_BYTES = "parse the exact bytes"


LEFT_IN_BYTES: Final = _Mark.LEFT_IN_BYTES
"""Stands for the value."""


def without_value(record: Record) -> Record:
    """The record with the mark in the place of the request's value, if that equals the parsed bytes."""
    request = record.document["request"]
    if "request" not in record.parsed or not isinstance(request["body"], dict | list):
        return record
    return replace(record, document={**record.document, "request": {**request, "body": LEFT_IN_BYTES}})


def whole_document(record: Record) -> Interaction:
    """The document with the request's value. It parses the bytes, so it is for workers."""
    request = record.document["request"]
    if request["body"] is not LEFT_IN_BYTES:
        return record.document
    return {**record.document, "request": {**request, "body": parse_body(record.request_raw).value}}
