"""How long the Markdown of a conversation may take: its parser can be kept busy for hours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from gemtap.exporters.base import ExportError, ExportOptions
from gemtap.exporters.single import Shown
from gemtap.workers import JobFailed, processor_limit

_SECONDS: Final = 0.6
_SECONDS_A_CHARACTER: Final = 10e-6
"""Processor time for one text, whatever its length, and for each character: many times what most take."""

_SECONDS_OF_A_FILE: Final = 60.0


def text_limit(text: str) -> AbstractContextManager[None]:
    """Raises OverLimit once the text has taken too long. For the main thread of a process."""
    return processor_limit(_SECONDS + len(text) * _SECONDS_A_CHARACTER)


async def file_of(shown: Shown, options: ExportOptions, write: Callable[[Shown], str]) -> bytes:
    """The conversation as `write` writes it, in a worker if there are any. Raises ExportError."""
    if options.workers is None:
        return write(shown).encode("utf-8")
    try:
        return (await options.workers.run(_SECONDS_OF_A_FILE, write, shown)).encode("utf-8")
    except JobFailed as exc:
        raise ExportError(f"This conversation cannot be exported in this format: {exc}. jsonl can export it.") from exc
