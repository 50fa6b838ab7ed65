"""The note of which stores of the system trust the authority, so that each can be undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from gemtap.durable_files import replace_file

_NAME: Final = "trusted.json"


def trusted_stores(folder: Path) -> dict[str, str]:
    """The stores that trust the authority by their address, such as `nss:/home/me/.pki/nssdb`, with its name there."""
    try:
        found = json.loads((folder / _NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(store): str(name) for store, name in found.items()} if isinstance(found, dict) else {}


def has_trust(folder: Path) -> bool:
    """Whether any store trusts the authority."""
    return bool(trusted_stores(folder))


def note_trusted(folder: Path, stores: dict[str, str]) -> None:
    """Remember the stores that trust the authority. Raises OSError."""
    path = folder / _NAME
    if not stores:
        path.unlink(missing_ok=True)
        return
    replace_file(path, json.dumps(stores, indent=1).encode("utf-8") + b"\n")
