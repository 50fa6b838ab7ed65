"""A JSON array that is streamed element by element: `[{...}\\r\\n,{...}]`, as Gemini answers without `alt=sse`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from gemtap.interaction import Json


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the array."""

    value: Json
    end: int
    """Offset in the body, in bytes, just past the element; a guess where bytes before it are no UTF-8."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements that are whole."""

    elements: list[Element]
    closed: bool
    """Whether the body ends with the array's bracket; if not, it is torn, or what follows an element is no JSON."""


_OPENING: Final = re.compile(r"\ufeff?[ \t\r\n]*\[")

_GAP: Final = re.compile(r"[ \t\r\n,\]]*")
"""What may come between two elements; also the bracket, since an error may follow the array as separate JSON."""

_DECODER: Final = json.JSONDecoder()


def read_elements(body: bytes) -> Elements:
    """The readable elements of the array in a body. Takes time linear in the body's size."""
    text = body.decode("utf-8", "replace")
    found: list[Element] = []
    opening = _OPENING.match(text)
    if opening is None:
        return Elements(found, closed=False)
    position = opening.end()
    counted, end = 0, 0
    while True:
        gap = _GAP.match(text, position)
        assert gap is not None  # it matches the empty string too
        if gap.end() == len(text):
            return Elements(found, closed="]" in gap[0])
        try:
            value, position = _DECODER.raw_decode(text, gap.end())
        except (ValueError, RecursionError):
            return Elements(found, closed=False)
        end += len(text[counted:position].encode())
        counted = position
        found.append(Element(value, min(end, len(body))))
