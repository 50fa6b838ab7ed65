"""Parquet with one row per interaction, for DuckDB, pandas, Polars and Spark. Needs pyarrow (extra `parquet`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from gemtap.exporters.base import Chunk, ExportError, ExportOptions, Format, Report
from gemtap.exporters.rows import columns, row_of
from gemtap.exporters.selecting import matching
from gemtap.stores.base import Store

_BATCH: Final = 1_000
"""Rows held as Python objects at a time. As Arrow arrays they take a tenth of the memory."""

_BATCHES: Final = 10
_BYTES: Final = 16 * 1024 * 1024
"""Limits of a row group, in batches and bytes. Readers and the writer hold one group in memory, and each group
adds to the footer.
"""


class _Written:
    """A file object for pyarrow that keeps what was written since the last read."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def write(store: Store, wanted: ExportOptions, report: Report) -> AsyncIterator[Chunk]:
    """Row groups as they fill, then the footer."""
    # Arrow's own allocator favours speed and retains tens of megabytes more:
    # https://arrow.apache.org/docs/cpp/env_vars.html
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as exc:
        raise ExportError("Parquet needs pyarrow: `make extras`, or pip install 'gemtap[parquet]'.") from exc

    kinds = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: pa.timestamp("ms", "UTC"),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns(bodies=wanted.bodies).items()])
    written = _Written()
    rows: list[dict[str, Any]] = []
    batches: list[pa.RecordBatch] = []
    size = 0

    with pq.ParquetWriter(written, schema, compression="zstd") as writer:
        async for document in matching(store, wanted, report, bodies=wanted.bodies):
            rows.append(row_of(document, bodies=wanted.bodies))
            size += sum(len(value) for value in rows[-1].values() if isinstance(value, str))
            report.written["train"] += 1
            if len(rows) == _BATCH or size > _BYTES:
                batches.append(pa.RecordBatch.from_pylist(rows, schema))
                rows = []
            if size > _BYTES or len(batches) == _BATCHES:
                await asyncio.to_thread(writer.write_table, pa.Table.from_batches(batches))
                batches, size = [], 0
                yield Chunk(written.take())
        if rows:
            batches.append(pa.RecordBatch.from_pylist(rows, schema))
        if batches:
            await asyncio.to_thread(writer.write_table, pa.Table.from_batches(batches))
    yield Chunk(written.take())


FORMAT: Final = Format(
    "parquet", "one row per interaction, for DuckDB, pandas, Spark", ".parquet", "application/vnd.apache.parquet",
    write, is_binary=True,
)  # fmt: skip
