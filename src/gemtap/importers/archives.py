"""Zipped HTTP Archives, and the files that archives of Playwright's name in place of bodies."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from gemtap.encodings import ALWAYS_DECODED, MAX_RATIO
from gemtap.importers.base import ImportFailed

MAGIC: Final = b"PK\x03\x04"

_BROKEN: Final = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)
"""What reading a member raises that is damaged, encrypted, or compressed in an unknown way."""


class CannotUnpack(Exception):
    """A file in a zip file cannot be read. One line: why."""


class ZippedArchives:
    """The HAR files in a zip file, and the files beside them."""

    def __init__(self, path: Path) -> None:
        """Raises ImportFailed."""
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as exc:
            raise ImportFailed(f"{path} is not a complete zip file: {exc}.") from exc
        self.names = [name for name in self._zip.namelist() if name.lower().endswith(".har")]
        if not self.names:
            self.close()
            raise ImportFailed(f"{path} has no HAR in it: no name in it ends with .har.")
        self.size = sum(self._zip.getinfo(name).file_size for name in self.names)
        """Bytes of all HAR files, unpacked."""
        self._before = 0
        self._file: IO[bytes] | None = None

    @property
    def position(self) -> int:
        """Bytes of them that were read."""
        return self._before + (0 if self._file is None else self._file.tell())

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A HAR file, unpacked to where temporary files are. Raises CannotUnpack."""
        with tempfile.TemporaryFile(prefix="gemtap-import-") as file:
            try:
                with self._zip.open(self._checked(name)) as packed:
                    shutil.copyfileobj(packed, file, 2**20)
            except _BROKEN as exc:
                raise CannotUnpack(f"it cannot be unpacked: {exc}") from exc
            file.seek(0)
            self._file = file
            yield file
            self._before += file.tell()
            self._file = None

    def attached(self, name: str) -> bytes | None:
        """The content of a file that an archive names; None if it is not there or cannot be read."""
        try:
            return self._zip.read(self._checked(name))
        except (KeyError, *_BROKEN):
            return None

    def _checked(self, name: str) -> zipfile.ZipInfo:
        """Raises KeyError, and ValueError for a decompression bomb."""
        info = self._zip.getinfo(name)
        if info.file_size > max(ALWAYS_DECODED, MAX_RATIO * info.compress_size):
            raise ValueError(f"{info.file_size:,} bytes in {info.compress_size:,}, which no archive shrinks to")
        return info


def beside(path: Path, name: str) -> bytes | None:
    """The content of a file in the folder of a HAR that names it; None if there is none. Never of one elsewhere."""
    file = path.parent / name
    if Path(name).name != name or file.is_symlink() or not file.is_file():
        return None
    return file.read_bytes()
