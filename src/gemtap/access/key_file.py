"""The access keys of a data directory: their file `access.json`, and those in force."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gemtap.access.keys import KeyList, KeyTable, from_json
from gemtap.list_file import ListFile, ListInForce, ListKind

KEYS: Final = ListKind(
    name="access",
    shared_name="access_keys",
    title="The access keys",
    if_damaged="Restore it from a backup; nobody has access until then.",
    empty=KeyList(),
    from_json=from_json,
    to_json=KeyList.to_json,
)


class KeyFile(ListFile[KeyList]):
    """The list of access keys of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, KEYS)


class Access(ListInForce[KeyList]):
    """The access keys in force, kept in memory. `watch` keeps them current."""

    def __init__(self, data_dir: Path, *, always: bool = False) -> None:
        """`always`: requests need a key even if there is none. Raises OSError."""
        self._always = always
        self.is_on = always
        """Whether requests need a key."""
        self.table = KeyTable(())
        super().__init__(KeyFile(data_dir))

    def take(self, values: KeyList) -> None:
        """The access keys are now these."""
        self.table, self.is_on = KeyTable(values.keys), values.is_on or self._always
