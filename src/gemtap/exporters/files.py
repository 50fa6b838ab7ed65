"""Writes an export to a temporary file, and renames it when it is complete."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, get_args

from gemtap.exporters.base import Chunk, ExportError, Part

_PARTS: Final[tuple[Part, ...]] = get_args(Part)


def paths_of(path: Path, *, split: bool) -> dict[Part, Path]:
    """The path of each part: `set.jsonl`, and beside it `set.validation.jsonl` if the set is split."""
    paths: dict[Part, Path] = {"train": path}
    if split:
        paths["validation"] = path.with_name(f"{path.stem}.validation{path.suffix}")
    return paths


async def save(pieces: AsyncIterator[Chunk], paths: dict[Part, Path], progress: Callable[[], None]) -> None:
    """Write the chunks. The paths exist only once all chunks are written. Raises ExportError if writing fails."""
    try:
        with _Files(paths) as files:
            async for piece in pieces:
                files.write(piece)
                progress()
            files.keep()
    except OSError as exc:
        raise ExportError(f"{paths['train']} cannot be written: {exc.strerror}.") from exc


class _Files:
    """Temporary files, one per part, which either move into place together or are removed."""

    def __init__(self, paths: dict[Part, Path]) -> None:
        self._paths = paths
        self._open: dict[Part, IO[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            for part, path in self._paths.items():
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                # In the target's folder: a rename is atomic only within one file system.
                self._open[part] = tempfile.NamedTemporaryFile(  # closed below
                    dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
                )
        except OSError:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._discard()

    def write(self, piece: Chunk) -> None:
        self._open[piece.part].write(piece.content)

    def keep(self) -> None:
        """Rename each file to its path, and sync it."""
        for file in self._open.values():
            file.flush()
            os.fsync(file.fileno())
        for part in [each for each in _PARTS if each in self._open]:
            file = self._open.pop(part)
            file.close()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, self._paths[part])

    def _discard(self) -> None:
        for file in self._open.values():
            file.close()
            Path(file.name).unlink(missing_ok=True)
        self._open.clear()


def _umask() -> int:
    """The mode that open() would give a new file. Temporary files are readable by their owner only."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
