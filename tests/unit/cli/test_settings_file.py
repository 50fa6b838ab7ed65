"""Changes of the settings file by commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemtap.cli.settings_file import add_table, remove_table
from gemtap.settings_error import SettingsError

FILE = """\
# the proxy
port = 4400   # not 4360

[providers.gemini]
# a mirror
upstream = "http://mirror.example"

[[other]]
x = 1
"""


def test_everything_else_in_the_file_stays_to_the_letter(tmp_path: Path) -> None:
    """Comments, order and spelling; and what was added is gone after its removal."""
    path = tmp_path / "gemtap.toml"
    path.write_text(FILE)
    path.chmod(0o640)
    add_table(path, "providers", "groq", {"preset": "groq"})
    changed = path.read_text()
    assert '[providers.groq]\npreset = "groq"\n' in changed
    lines = iter(changed.splitlines())
    assert all(line in lines for line in FILE.splitlines() if line), changed
    assert path.stat().st_mode & 0o777 == 0o640
    remove_table(path, "providers", "groq")
    assert path.read_text().rstrip() == FILE.rstrip()
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_made_and_may_become_empty(tmp_path: Path) -> None:
    """Without a file there is nothing to keep."""
    path = tmp_path / "gemtap.toml"
    add_table(path, "providers", "groq", {"preset": "groq"})
    assert path.read_text() == '[providers.groq]\npreset = "groq"\n'
    remove_table(path, "providers", "groq")
    assert path.read_text().strip() == ""


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    """Nor is something removed that is not there, or a broken file changed."""
    path = tmp_path / "gemtap.toml"
    path.write_text(FILE)
    with pytest.raises(SettingsError, match=r"has \[providers.gemini\] already"):
        add_table(path, "providers", "gemini", {"upstream": "x"})
    with pytest.raises(SettingsError, match=r"has no \[providers.groq\]"):
        remove_table(path, "providers", "groq")
    assert path.read_text() == FILE
    path.write_text("port = ")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        add_table(path, "providers", "groq", {"preset": "groq"})
    assert path.read_text() == "port = "
    with pytest.raises(SettingsError, match="cannot be changed: No such file"):
        add_table(tmp_path / "absent" / "gemtap.toml", "providers", "groq", {"preset": "groq"})
