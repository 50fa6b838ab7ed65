"""A file is there when it is whole, and not before."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gemtap.exporters.base import Chunk, ExportError
from gemtap.exporters.files import paths_of, save

pytestmark = pytest.mark.anyio


async def pieces(*given: Chunk | Exception) -> AsyncIterator[Chunk]:
    for each in given:
        if isinstance(each, Exception):
            raise each
        yield each


async def test_both_files_of_a_split(tmp_path: Path) -> None:
    """A split writes both files."""
    paths = paths_of(tmp_path / "set.jsonl", split=True)
    shown: list[bool] = []
    given = (Chunk(b"a"), Chunk(b"b", "validation"), Chunk(b"c"))
    await save(pieces(*given), paths, lambda: shown.append((tmp_path / "set.jsonl").exists()))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "set.jsonl": b"ac",
        "set.validation.jsonl": b"b",
    }
    assert shown == [False] * 3


async def test_it_may_be_read_by_whom_other_new_files_may(tmp_path: Path) -> None:
    """Files have the usual permissions of new files."""
    await save(pieces(Chunk(b"a")), paths_of(tmp_path / "a", split=False), lambda: None)
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "other")}
    assert len(modes) == 1


@pytest.mark.parametrize("fault", [ValueError("a"), ExportError("b")])
async def test_what_breaks_off_leaves_what_was_there(tmp_path: Path, fault: Exception) -> None:
    """A failed export keeps the previous file."""
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(type(fault)):
        await save(pieces(Chunk(b"new"), fault), paths_of(tmp_path / "a", split=False), lambda: None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


async def test_where_it_cannot_be_is_said(tmp_path: Path) -> None:
    """An unwritable path is an error."""
    with pytest.raises(ExportError, match=r"nowhere.*cannot be written: No such file or directory\."):
        await save(pieces(Chunk(b"a")), paths_of(tmp_path / "nowhere" / "a", split=False), lambda: None)
