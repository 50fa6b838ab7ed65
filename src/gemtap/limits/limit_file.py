"""The limits of a data directory: their file `limits.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gemtap.limits.limits import LimitList, from_json
from gemtap.list_file import ListFile, ListKind

LIMITS: Final = ListKind(
    name="limits",
    shared_name="limits",
    title="The limits",
    if_damaged="Restore it from a backup, or delete it and set the limits again.",
    empty=LimitList(),
    from_json=from_json,
    to_json=LimitList.to_json,
)


class LimitFile(ListFile[LimitList]):
    """The list of limits of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, LIMITS)
