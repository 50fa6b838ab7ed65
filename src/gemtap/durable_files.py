"""Small files that Gemtap cannot do without: after a power cut they are there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

_SECRET_BYTES: Final = 32


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, or make it, for its owner alone. Raises OSError."""
    _write_draft(path, content).replace(path)
    _sync_folder(path.parent)


def _write_draft(path: Path, content: bytes) -> Path:
    """Write a synced file beside the path: renamed or linked after that, it never appears half written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that died here and had the same number
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(file)
    return draft


def _sync_folder(folder: Path) -> None:
    """Sync the names of a folder's files. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp_of(path: Path | None) -> tuple[int, int, int] | None:
    """What differs once a file was replaced or written; None if there is none."""
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


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
    draft = _write_draft(path, secret)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync_folder(path.parent)
