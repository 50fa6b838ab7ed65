"""A JSON array that is streamed element by element: `[{...}\\r\\n,{...}]`, as Gemini answers without `alt=sse`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from gemtap.interaction import Json


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the array."""

    value: Json
    end: int
    """Offset in the body, in bytes, just past the element."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements that are whole."""

    elements: list[Element]
    closed: bool
    """Whether the array ends with its bracket; if not, it is torn, or what follows the last element is no JSON."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def read_elements(body: bytes) -> Elements:
    """The elements of the array that a body holds, as far as they can be read. Time is linear in the body's size."""
    # Escapes keep each byte that is no UTF-8 as one character that encodes to this byte again: offsets stay true.
    text = body.decode("utf-8", "surrogateescape")
    found: list[Element] = []
    position = _skip_space(text, 1 if text.startswith("\ufeff") else 0)
    if text[position : position + 1] != "[":
        return Elements(found, closed=False)
    position = _skip_space(text, position + 1)
    counted, end = 0, 0
    while text[position : position + 1] not in ("]", ""):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return Elements(found, closed=False)
        end += len(text[counted:position].encode("utf-8", "surrogateescape"))
        counted = position
        found.append(Element(value, end))
        position = _skip_space(text, position)
        if text[position : position + 1] == ",":
            position = _skip_space(text, position + 1)
    return Elements(found, closed=text[position : position + 1] == "]")


def _skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position
