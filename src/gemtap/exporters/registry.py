"""The export formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gemtap.exporters import (
    anthropic_messages,
    csv_rows,
    gemini_tuning,
    har,
    html,
    jsonl,
    markdown,
    openai_chat,
    parquet,
    sharegpt,
)
from gemtap.exporters.base import Format

_ALL: Final = (jsonl, openai_chat, anthropic_messages, gemini_tuning, sharegpt, csv_rows, parquet, har, markdown, html)

FORMATS: Final[Mapping[str, Format]] = {module.FORMAT.name: module.FORMAT for module in _ALL}
"""The formats by name, in the order of lists."""
