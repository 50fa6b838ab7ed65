"""Access keys, their file, and the provider keys that stand in for them."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gemtap.access.key_file import Access, KeyFile
from gemtap.access.keys import FORM, BadChange, KeyList, KeyTable, add, from_json, revoke, rotate
from gemtap.access.provider_keys import ProviderKeys
from gemtap.providers.credential import bearer

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(days=90)


def test_a_key_is_found_until_it_expires_is_rotated_or_revoked() -> None:
    """The table knows the present key of each user only."""
    keys, ana = add(KeyList(), "ana", "member", LATER, NOW)
    keys, bob = add(keys, "bob", "admin", None, NOW)
    assert all(FORM.fullmatch(key.encode()) for key in (ana, bob))
    table, now = KeyTable(keys.keys), NOW.timestamp()
    user = table.user_of(ana.encode(), now)
    assert user is not None
    assert (user.name, user.is_admin) == ("ana", False)
    assert table.user_of(ana.encode(), LATER.timestamp()) is None
    assert table.user_of(bob.encode(), LATER.timestamp()) is not None
    assert table.user_of(ana.encode()[:-1] + b"!", now) is None
    keys, new = rotate(keys, "bob", None, NOW)
    table = KeyTable(keys.keys)
    assert table.user_of(bob.encode(), now) is None
    rotated = table.user_of(new.encode(), now)
    assert rotated is not None
    assert rotated.is_admin
    left = revoke(revoke(keys, "bob"), "ana")
    assert left == KeyList(is_on=True)


@pytest.mark.parametrize("name", ["", "all", "ALL", "model:x", "a b", "-a", "a" * 65, "ana", "Ana"])
def test_names_that_cannot_be_used(name: str) -> None:
    """Names are unique whatever their case, and never look like a selection of limits."""
    keys, _ = add(KeyList(), "ana", "member", None, NOW)
    with pytest.raises(BadChange):
        add(keys, name, "member", None, NOW)


def test_no_key_is_in_the_file_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """The file has the digest; its mode is 0600."""
    file = KeyFile(tmp_path)
    key = file.change(lambda before: add(before, "ana", "member", LATER, NOW))
    text = file.path.read_text()
    assert key not in text
    assert key[3:] not in text
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert from_json(json.loads(text)) == file.read()


def test_changes_at_the_same_time_all_count(tmp_path: Path) -> None:
    """No change is lost."""
    names = [f"user{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: KeyFile(tmp_path).change(lambda b: add(b, name, "member", None, NOW)), names))
    assert sorted(each.name for each in KeyFile(tmp_path).read().keys) == sorted(names)


def test_the_first_key_switches_access_control_on_and_nothing_but_off_switches_it_off(tmp_path: Path) -> None:
    """A revoked last key, a damaged file and a deleted one let nobody in."""
    file, access = KeyFile(tmp_path), Access(tmp_path)
    assert not access.is_on
    key = file.change(lambda before: add(before, "ana", "member", None, NOW)).encode()
    access.refresh()
    assert access.is_on
    assert access.table.user_of(key, 0) is not None
    good = file.path.read_bytes()
    file.path.write_bytes(b"{}")
    access.refresh()
    assert access.table.user_of(key, 0) is not None
    with pytest.raises(OSError, match="damaged"):
        Access(tmp_path)
    os.unlink(file.path)
    access.refresh()
    assert access.is_on
    file.path.write_bytes(good)
    file.change(lambda before: (revoke(before, "ana"), None))
    access.refresh()
    assert access.is_on
    assert access.table.user_of(key, 0) is None
    file.write(KeyList())
    access.refresh()
    assert not access.is_on


def test_which_provider_key_counts(tmp_path: Path) -> None:
    """A user's own comes before the one for all, and that before the variable; the file is read again."""
    path = tmp_path / "keys.toml"
    path.write_text('openai = "sk-all"\n[users.ana]\nopenai = "sk-ana"\n')
    credential = bearer("OPENAI_API_KEY")
    keys = ProviderKeys(path, {"OPENAI_API_KEY": "sk-variable"}, ["openai", "gemini"])
    assert [keys.of(credential, "openai", user) for user in ("ana", "bob")] == ["sk-ana", "sk-all"]
    path.write_text("# nothing")
    keys.refresh()
    assert keys.of(credential, "openai", "ana") == "sk-variable"
    path.write_text("openai = sk-bad")
    keys.refresh()
    assert keys.of(credential, "openai", "ana") == "sk-variable"


@pytest.mark.parametrize(
    "text",
    ["openai = sk-secret", "nobody = 'sk-secret'", "openai = 7", "openai = 'sk-secret\u00e9'", "users = 'sk-secret'"],
)
def test_a_file_of_provider_keys_that_is_wrong(tmp_path: Path, text: str) -> None:
    """The error names the file, and no key."""
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"keys\.toml") as caught:
        ProviderKeys(path, {}, ["openai"])
    assert "secret" not in str(caught.value)
