"""Small files that Gemtap cannot do without: after a power cut they are there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_draft(draft: Path, content: bytes) -> None:
    """Write a new file for its owner alone and sync it; renamed or linked after that, it never appears half written.

    Raises OSError, FileExistsError where it is there.
    """
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(file)


def sync_folder(folder: Path) -> None:
    """Sync the names of a folder's files. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
