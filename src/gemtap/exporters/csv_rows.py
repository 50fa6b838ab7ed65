"""CSV (RFC 4180) with one row per interaction, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from gemtap.exporters.base import Chunk, ExportOptions, Format, Report
from gemtap.exporters.rows import columns, row_of
from gemtap.exporters.selecting import matching
from gemtap.interaction import iso
from gemtap.stores.base import Store

# What a model wrote must not become a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """A header line, then one row per interaction, oldest first."""
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, columns(bodies=wanted.bodies))
    writer.writeheader()
    async for document in matching(store, wanted, report, bodies=wanted.bodies):
        writer.writerow({name: _cell(value) for name, value in row_of(document, bodies=wanted.bodies).items()})
        report.written["train"] += 1
        yield Chunk(_taken(written))
    if written.tell():
        yield Chunk(_taken(written))


def _taken(written: io.StringIO) -> bytes:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text.encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    match value:
        case datetime():
            return iso(value)
        case bool():
            return str(value).lower()
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


FORMAT: Final = Format("csv", "one row per interaction, for spreadsheets", ".csv", "text/csv; charset=utf-8", write)
