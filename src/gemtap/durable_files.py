"""Small files that Gemtap cannot do without: after a power cut they are there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

_SECRET_BYTES: Final = 32


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


def load_secret(path: Path) -> bytes:
    """The 32 random bytes of a file, which the first call makes. Raises OSError."""
    while True:
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            _create(path, secrets.token_bytes(_SECRET_BYTES))
            continue
        if len(secret) != _SECRET_BYTES:
            raise OSError(f"{path} is damaged. Remove it: Gemtap makes a new one, and what was made with it is void.")
        return secret


def _create(path: Path, secret: bytes) -> None:
    """Write the file whole or not at all: several processes may start at the same time."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that died here and had the same number
    write_draft(draft, secret)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)
