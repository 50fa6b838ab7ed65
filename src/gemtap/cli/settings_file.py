"""Changes of the settings file that leave comments, order and spelling of everything else as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gemtap.settings_error import SettingsError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def add_table(path: Path, group: str, name: str, values: Mapping[str, str]) -> None:
    """Add `[GROUP.NAME]` with these values; the file is made if there is none. Raises SettingsError."""
    import tomlkit

    def add(document: TOMLDocument) -> None:
        parent = document.setdefault(group, tomlkit.table(is_super_table=True))
        if name in parent:
            raise SettingsError(f"{path} has [{group}.{name}] already. Change it there, or remove it first.")
        table = tomlkit.table()
        table.update(values)
        parent[name] = table

    _change(path, add)


def remove_table(path: Path, group: str, name: str) -> None:
    """Remove `[GROUP.NAME]`. Raises SettingsError."""

    def remove(document: TOMLDocument) -> None:
        parent = document.get(group, {})
        if name not in parent:
            raise SettingsError(f"{path} has no [{group}.{name}].")
        del parent[name]
        if not parent:
            del document[group]

    _change(path, remove)


def _change(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    """Change the file as a whole or not at all: a reader never sees half of it."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
        change(document)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_text(tomlkit.dumps(document), "utf-8")
            if path.exists():
                draft.chmod(path.stat().st_mode & 0o777)
            draft.replace(path.resolve())
        finally:
            draft.unlink(missing_ok=True)
    except (TOMLKitError, UnicodeDecodeError) as exc:
        raise SettingsError(f"The settings file {path} is not valid TOML: {exc}.") from exc
    except OSError as exc:
        raise SettingsError(f"The settings file {path} cannot be changed: {exc.strerror}.") from exc
