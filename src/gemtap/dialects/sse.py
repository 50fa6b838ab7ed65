"""Server-sent events: a whole `text/event-stream` body, frame by frame.

Parsed as the WHATWG HTML standard says (section 9.2.6, "Interpreting an event stream"), but for this: a torn last
frame is given too, and so is JSON that stands in the stream without a field name, as Gemini sends an error there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the stream."""

    event: str | None
    """The event's type; None where the frame names none."""
    data: bytes
    """The lines of its data, joined by newlines."""
    end: int
    """Offset in the body just past the frame and its blank line."""
    bare: bool = False
    """No event at all by the standard: JSON that stood in the stream without `data:`."""


class _Block:
    """The lines between two blank lines."""

    def __init__(self) -> None:
        self.event: str | None = None
        self.data: list[bytes] = []
        self.bare: list[bytes] = []

    def add(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self.data.append(value)
            case b"event":
                self.event = value.decode("utf-8", "replace")
            case b"id" | b"retry":
                pass
            case b"" if colon:
                pass  # a comment
            case _:
                # The standard ignores fields of other names. `{` and what follows it are no field, but an object.
                if self.bare or line.startswith((b"{", b"[")):
                    self.bare.append(line)

    def frames(self, end: int) -> Iterator[Frame]:
        if self.data:
            yield Frame(self.event or None, b"\n".join(self.data), end)
        if self.bare:
            yield Frame(None, b"\n".join(self.bare), end, bare=True)


def frames(body: bytes) -> Iterator[Frame]:
    """The frames of a body in order. Frames without data are none."""
    offset = len(_BOM) if body.startswith(_BOM) else 0
    block = _Block()
    # For bytes, splitlines splits at \r\n, \n and \r only, as the standard requires.
    for line in body[offset:].splitlines(keepends=True):
        offset += len(line)
        line = line.rstrip(b"\r\n")
        if line:
            block.add(line)
        else:
            yield from block.frames(offset)
            block = _Block()
    yield from block.frames(len(body))
